"""A WebSocket server on Python's `websockets` that says everything back, for a client under test: events go out on stdout,
a line each. `server.cjs` is its twin on npm's `ws`.

    python server.py plain|small|takeover

    events     listening PORT   closed CODE REASON

`plain` knows no compression; `small` compresses with windows of 10 bits and takes no context over; `takeover` does, with the
largest windows. Some texts are commands: `extensions` is answered with those that were agreed on, `ping` pings and says
`pong` when that is answered, `close` closes with 4000. It takes the first subprotocol, and ends with its stdin.
"""

import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import serve

EXTENSIONS = {
    "plain": [],
    "small": [
        ServerPerMessageDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=10,
            client_max_window_bits=10,
        )
    ],
    "takeover": [ServerPerMessageDeflateFactory()],
}


def tell(*words):
    # One write per line: each connection has a thread.
    sys.stdout.write(" ".join(str(word) for word in words).rstrip() + "\n")
    sys.stdout.flush()


def first(socket, subprotocols):
    return subprotocols[0] if subprotocols else None


def echo(socket):
    try:
        for message in socket:
            if message == "extensions":
                socket.send(", ".join(extension.name for extension in socket.protocol.extensions))
            elif message == "ping":
                socket.ping("?").wait()
                socket.send("pong")
            elif message == "close":
                socket.close(4000, "as told")
            else:
                socket.send(message)
    except ConnectionClosed:
        pass  # the loop says so of every close but 1000 and 1001
    tell("closed", socket.close_code, socket.close_reason or "")


extensions = EXTENSIONS[sys.argv[1]]
with serve(
    echo, "127.0.0.1", 0, extensions=extensions, compression=None, select_subprotocol=first, max_size=None
) as server:
    tell("listening", server.socket.getsockname()[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
