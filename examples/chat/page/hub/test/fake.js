// A transport that is worked by hand: the test is the server.

import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";

import { Hub } from "../hub.js";

/** A socket to nowhere. What the client sends is in `sent`. */
export class Socket {
  /** All that were made in this test, the newest last. */
  static all = [];
  sent = [];

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    Socket.all.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close(code) {
    this.closed = code ?? "without a code";
  }

  /** Opens, and takes the client's connect. */
  async opens(fields = {}) {
    this.onopen();
    await settled();
    this.answers("connect", { client: "1", resume: "word", ...fields });
    return this;
  }
  says(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  /** The last command of this type. */
  asked(type) {
    return this.sent.findLast((command) => command.type === type);
  }
  answers(type, fields) {
    this.says({ type: "ok", id: this.asked(type).id, ...fields });
  }
  refuses(type, fields) {
    this.says({ type: "error", id: this.asked(type).id, message: "no", ...fields });
  }
  joins(offset, fields = {}) {
    this.answers("join", { topic: "lobby", position: { offset, epoch: "e" }, recovered: false, ...fields });
  }
  message(offset, data = `message ${offset}`) {
    this.says({ type: "message", topic: "lobby", offset, at: 0, data });
  }
  ends(code, reason = "") {
    this.onclose({ code, reason });
  }
}

/** A hub on such sockets, under a clock that stands still and with all of the jitter. */
export function hub(urls = "ws://a", options = {}) {
  Socket.all = [];
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 1);
  const hub = new Hub(urls, { WebSocket: Socket, ...options });
  return Object.assign(hub, { log: heard(hub, ["state", "direct", "error"]) });
}

/** A connected hub in a room that stands at `offset`. */
export async function room({ offset = 7, history = 0, ...options } = {}) {
  const it = hub("ws://a", options);
  const lobby = it.join("lobby", { history });
  const socket = await newest().opens();
  socket.joins(offset);
  const types = ["joined", "message", "presence", "recovered", "insufficient", "gap", "left"];
  return { hub: it, room: lobby, socket, log: heard(lobby, types) };
}

export const newest = () => Socket.all.at(-1);

/** Lets everything happen that waits for nothing but its turn. */
export const settled = () => setImmediate();

/** What an emitter says, as it is said. */
export function heard(emitter, types) {
  const log = [];
  for (const type of types) emitter.on(type, (detail) => log.push([type, detail]));
  return log;
}

/** The end of a test. */
export function over() {
  mock.reset();
}
