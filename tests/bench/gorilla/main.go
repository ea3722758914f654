// A chat's hub and pumps on gorilla/websocket, as its users write them: a goroutine owns the clients, each client has a
// channel and two goroutines, and what has piled up in the channel goes into one message, a line each.
//
// Prints where it is, and serves until it is killed.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
	queued     = 256
	maxMessage = 4096
)

type client struct {
	conn *websocket.Conn
	send chan []byte
}

type hub struct {
	clients              map[*client]struct{}
	said                 chan []byte
	register, unregister chan *client
}

func (h *hub) run() {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = struct{}{}
		case c := <-h.unregister:
			h.drop(c)
		case message := <-h.said:
			for c := range h.clients {
				select {
				case c.send <- message:
				default:
					h.drop(c)
				}
			}
		}
	}
}

func (h *hub) drop(c *client) {
	if _, isThere := h.clients[c]; isThere {
		delete(h.clients, c)
		close(c.send)
	}
}

func (h *hub) readPump(c *client) {
	defer func() {
		h.unregister <- c
		c.conn.Close()
	}()
	c.conn.SetReadLimit(maxMessage)
	c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		h.said <- message
	}
}

func (c *client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case message, isOpen := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !isOpen {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.write(message) != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// Writes a message, and all that wait behind it.
func (c *client) write(message []byte) error {
	writer, err := c.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	writer.Write(message)
	for waiting := len(c.send); waiting > 0; waiting-- {
		writer.Write([]byte{'\n'})
		writer.Write(<-c.send)
	}
	return writer.Close()
}

func main() {
	h := &hub{
		clients:    make(map[*client]struct{}),
		said:       make(chan []byte),
		register:   make(chan *client),
		unregister: make(chan *client),
	}
	go h.run()
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	http.HandleFunc("/fan", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{conn: conn, send: make(chan []byte, queued)}
		h.register <- c
		go c.writePump()
		h.readPump(c)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	http.Serve(listener, nil)
}
