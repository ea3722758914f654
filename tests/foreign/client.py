"""A WebSocket client on Python's `websockets`, worked by a test: commands come in on stdin, events go out on stdout,
a line each. `client.cjs` is its twin on npm's `ws`.

    [COMPRESSION=plain|small|takeover] python client.py URL [SUBPROTOCOL]...

    commands   send TEXT   binary HEX   ping   extensions   close CODE REASON
    events     open SUBPROTOCOL   text TEXT   binary HEX   pong   extensions NAMES   error MESSAGE   closed CODE REASON

`plain` offers no compression; `small` wants windows of 10 bits and no context taken over; `takeover`, which is also the
default, leaves all to the server. `extensions` tells the names of those that were agreed on.

TEXT is a JSON string, quotes included, so that a newline in it does not end the line. CODE is 1006 when there was no
close frame. `closed` is always the last event. The end of stdin closes with 1000.
"""

import json
import os
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

EXTENSIONS = {
    "plain": None,
    "small": [
        ClientPerMessageDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=10,
            client_max_window_bits=10,
        )
    ],
    "takeover": [ClientPerMessageDeflateFactory(client_max_window_bits=True)],
}


def tell(*words):
    # One write per line: two threads talk here.
    sys.stdout.write(" ".join(str(word) for word in words).rstrip() + "\n")
    sys.stdout.flush()


def obey(socket, line):
    command, _, rest = line.rstrip("\n").partition(" ")
    if command == "send":
        socket.send(json.loads(rest))
    elif command == "binary":
        socket.send(bytes.fromhex(rest))
    elif command == "ping":
        socket.ping().wait()
        tell("pong")
    elif command == "extensions":
        tell("extensions", *(extension.name for extension in socket.protocol.extensions))
    elif command == "close":
        code, _, reason = rest.partition(" ")
        socket.close(int(code or 1000), reason)
    else:
        tell("error", "unknown command:", line.rstrip("\n"))


def obey_all(socket):
    try:
        for line in sys.stdin:
            obey(socket, line)
        socket.close()
    except ConnectionClosed:
        pass  # told by the main thread


def main(url, *subprotocols):
    try:
        socket = connect(
            url,
            extensions=EXTENSIONS[os.environ.get("COMPRESSION", "takeover")],
            compression=None,
            subprotocols=subprotocols or None,
            max_size=None,
            ping_interval=None,
            proxy=None,
        )
    except Exception as refusal:
        tell("error", refusal)
        tell("closed", 1006)
        return
    tell("open", socket.subprotocol or "")
    threading.Thread(target=obey_all, args=[socket], daemon=True).start()
    try:
        for message in socket:
            if isinstance(message, str):
                tell("text", json.dumps(message, ensure_ascii=False))
            else:
                tell("binary", message.hex())
    except ConnectionClosed:
        pass  # the loop says so of every close but 1000 and 1001
    tell("closed", socket.close_code, socket.close_reason or "")


for stream in (sys.stdin, sys.stdout):
    stream.reconfigure(encoding="utf-8")  # whatever the locale
main(*sys.argv[1:])
