// A WebSocket server on npm's `ws` that says everything back, for a client under test: events go out on stdout, a line
// each. `server.py` is its twin on Python's `websockets`.
//
//   NODE_PATH=…/node_modules node server.cjs plain|small|takeover
//
//   events     listening PORT   closed CODE REASON
//
// `plain` knows no compression; `small` compresses with windows of 10 bits and takes no context over; `takeover` does, with
// the largest windows. Some texts are commands: `extensions` is answered with those that were agreed on, `ping` pings and says
// `pong` when that is answered, `close` closes with 4000. It takes the first subprotocol, and ends with its stdin.

const { WebSocketServer } = require("ws");

const perMessageDeflate = {
  plain: false,
  small: {
    threshold: 0,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 10,
    clientMaxWindowBits: 10,
  },
  takeover: { threshold: 0 },
}[process.argv[2]];
const tell = (...words) => process.stdout.write(words.join(" ").trimEnd() + "\n");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate });
server.on("listening", () => tell("listening", server.address().port));
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    const command = isBinary ? "" : data.toString();
    if (command === "extensions") socket.send(socket.extensions);
    else if (command === "ping") socket.ping("?");
    else if (command === "close") socket.close(4000, "as told");
    else socket.send(data, { binary: isBinary });
  });
  socket.on("pong", () => socket.send("pong"));
  socket.on("close", (code, reason) => tell("closed", code, reason));
});
process.stdin.on("end", () => process.exit()).resume();
