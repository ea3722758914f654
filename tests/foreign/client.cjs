// A WebSocket client on npm's `ws`, worked by a test: commands come in on stdin, events go out on stdout, a line each.
// `client.py` is its twin on Python's `websockets`.
//
//   NODE_PATH=…/node_modules [COMPRESSION=plain|small|takeover] node client.cjs URL [SUBPROTOCOL]...
//
//   commands   send TEXT   binary HEX   ping   extensions   close CODE REASON
//   events     open SUBPROTOCOL   text TEXT   binary HEX   pong   extensions NAMES   error MESSAGE   closed CODE REASON
//
// `plain` offers no compression; `small` wants windows of 10 bits and no context taken over; `takeover`, which is also the
// default, leaves all to the server. `extensions` tells the names of those that were agreed on.
//
// TEXT is a JSON string, quotes included, so that a newline in it does not end the line. CODE is 1006 when there was
// no close frame. `closed` is always the last event. The end of stdin closes with 1000.
//
// This is CommonJS because NODE_PATH, by which the test says where `ws` is, works for `require` only.

const readline = require("node:readline");
const WebSocket = require("ws");

const [url, ...subprotocols] = process.argv.slice(2);
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
}[process.env.COMPRESSION ?? "takeover"];
const socket = new WebSocket(url, subprotocols, { perMessageDeflate });
const tell = (...words) => process.stdout.write(words.join(" ").trimEnd() + "\n");

socket.on("open", () => {
  tell("open", socket.protocol);
  // Only now, so that no command comes before the connection.
  readline.createInterface({ input: process.stdin }).on("line", obey).on("close", () => socket.close(1000));
});
socket.on("message", (data, isBinary) =>
  isBinary ? tell("binary", data.toString("hex")) : tell("text", JSON.stringify(data.toString())));
socket.on("pong", () => tell("pong"));
socket.on("error", (error) => tell("error", error.message));
socket.on("close", (code, reason) => {
  tell("closed", code, reason);
  process.stdin.destroy();
});

function obey(line) {
  const [, command, rest] = line.match(/^(\S*) ?(.*)$/);
  if (command === "send") socket.send(JSON.parse(rest));
  else if (command === "binary") socket.send(Buffer.from(rest, "hex"));
  else if (command === "ping") socket.ping();
  else if (command === "extensions") tell("extensions", socket.extensions.split(";")[0]);
  else if (command === "close") socket.close(Number.parseInt(rest) || 1000, rest.replace(/^\d+ ?/, ""));
  else tell("error", `unknown command: ${line}`);
}
