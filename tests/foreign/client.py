"""A WebSocket client on Python's `websockets`, worked by a test: commands come in on stdin, events go out on stdout,
a line each. `client.cjs` is its twin on npm's `ws`.

    python client.py URL [SUBPROTOCOL]...

    commands   send TEXT   binary HEX   ping   close CODE REASON
    events     open SUBPROTOCOL   text TEXT   binary HEX   pong   error MESSAGE   closed CODE REASON

TEXT is a JSON string, quotes included, so that a newline in it does not end the line. CODE is 1006 when there was no
close frame. `closed` is always the last event. The end of stdin closes with 1000.
"""

import json
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


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
        socket = connect(url, subprotocols=subprotocols or None, max_size=None, ping_interval=None, proxy=None)
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
