// A client of the hub's protocol that comes back by itself. README.md shows how it is used.

import { Attempts, isFinal, mayHurry, watch } from "./attempts.js";
import { Commands } from "./commands.js";
import { Emitter } from "./emitter.js";
import { DEFAULTS } from "./options.js";
import { Room } from "./room.js";

export { HubError } from "./emitter.js";

/** @import { Options } from "./options.js" */
/** @import { HubEvents, State, Why } from "./types.js" */

/** A connection that lasts. @extends {Emitter<HubEvents>} */
export class Hub extends Emitter {
  /** @type {State} */
  state = "closed";
  /** Why the last connection ended. @type {Why | undefined} */
  why;
  /** Of the last ping, in milliseconds. @type {number | undefined} */
  latency;
  /** How many messages and notices are known to be lost. */
  lost = 0;
  /** Who this is to the server. @type {string | undefined} */
  user;
  #options; #attempts; #commands; #socket; #timer; #end; #resume;
  #rooms = new Map();
  #wake = () => this.wake();

  /**
   * @param {string | string[]} urls where to connect to; the next one where one fails
   * @param {Options} [options]
   */
  constructor(urls, options) {
    super();
    this.#options = { ...DEFAULTS, ...options };
    this.#attempts = new Attempts([urls].flat(), this.#options);
    this.#commands = new Commands(this.#options.maxUnanswered);
    this.open();
  }

  /** Connects now, also after an end that was final. */
  open() {
    this.#drop();
    watch("addEventListener", this.#wake);
    const socket = this.#socket = new this.#options.WebSocket(this.#attempts.url(), "zeroxide.hub.v1");
    this.#limit();
    socket.onopen = async () => {
      const hello = await this.#hello();
      if (!hello || socket !== this.#socket) return;
      this.#ask({ ...hello, type: "connect", resume: this.#resume }, (ok) => this.#opened(ok),
        (why) => this.#gone(why, isFinal(why)));
    };
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onerror = () => {}; // its close follows
    socket.onclose = ({ code, reason }) => {
      const why = this.#end ?? { code: `${code}`, message: reason };
      this.#gone(why, isFinal(why, code));
    };
    this.#turn("connecting", this.why);
  }

  /**
   * Comes into a room, and again after each reconnect.
   *
   * @param {string} topic
   * @param {{ history?: number }} [options] how many of the last messages come first
   * @returns {Room}
   */
  join(topic, { history = 0 } = {}) {
    return this.#rooms.get(topic)?.room ?? new Room(topic, history, {
      enter: (room) => {
        this.#rooms.set(topic, room);
        if (this.state === "connected") room.join();
      },
      joined: () => this.#commands.kept(topic).forEach((command) => this.#send(command)),
      ask: (command, ...how) => this.#ask({ ...command, topic }, ...how),
      send: (command) => this.#send({ ...command, topic }),
      lost: (count) => { this.lost += count; },
      left: (why) => {
        this.#rooms.delete(topic);
        this.#commands.fail(why, topic);
      },
    });
  }

  /** The network or the user is back: connects now, or looks whether it still is. */
  wake() {
    if (this.state === "connected") this.#ping();
    else if (this.state === "waiting" && mayHurry(this.why)) this.open();
  }

  /** Cuts the connection for so long, as if a plug were pulled. @param {number} ms */
  cut(ms) {
    this.#gone({ code: "cut" }, false, ms);
  }

  /** Says goodbye. What was not answered fails. */
  close() {
    watch("removeEventListener", this.#wake);
    this.#gone({ code: "closed" }, true);
  }

  async #hello() {
    const { hello } = this.#options;
    try {
      return typeof hello === "function" ? await hello() : hello;
    } catch (error) {
      this.#gone({ code: "hello", message: `${error}` });
    }
  }

  #opened({ resume, user, previous }) {
    this.#attempts.opened();
    this.#resume = resume;
    this.user = user;
    this.#turn("connected", previous ?? this.why);
    for (const room of this.#rooms.values()) room.join();
    this.#ping();
  }

  #ping() {
    const sent = performance.now();
    this.#limit();
    this.#ask({ type: "ping" }, () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ping(), this.#options.pingMs);
      this.latency = performance.now() - sent;
      this.emit("latency", this.latency);
    });
  }

  #limit() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#gone({ code: "timeout" }), this.#options.timeoutMs);
  }

  // What is kept for the next connection too waits until its room is joined.
  #ask(command, done, fail, keep) {
    if (keep && this.state === "closed") return fail(this.why);
    const asked = this.#commands.add(command, keep, done, fail);
    if (asked && (!keep || this.#rooms.get(asked.topic)?.isIn())) this.#send(asked);
  }

  #send(command) {
    this.#socket.send(JSON.stringify(command));
  }

  async #refresh() {
    const token = (await this.#hello())?.token;
    if (token && this.state === "connected") this.#ask({ type: "refresh", token });
  }

  #hear(frame) {
    const { type, topic } = frame;
    if (this.#commands.answer(frame)) return;
    if (topic) this.#rooms.get(topic)?.hear(frame);
    else if (type === "expiring") this.#refresh();
    else if (type === "end") this.#end = frame;
    else this.emit(type, frame);
  }

  #gone(why, final, delayMs = this.#attempts.delay(why)) {
    this.#drop(why.code === "closed" ? 1000 : 4000);
    if (!final) this.#timer = setTimeout(() => this.open(), delayMs);
    this.#turn(final ? "closed" : "waiting", why, delayMs);
    if (final) this.#commands.fail(why);
  }

  #drop(code) {
    clearTimeout(this.#timer);
    for (const room of this.#rooms.values()) room.cut();
    this.#commands.drop();
    const socket = this.#socket ?? {};
    this.#socket = this.#end = undefined;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close?.(code);
  }

  #turn(state, why, delayMs) {
    this.state = state;
    this.why = why;
    this.emit("state", { state, why, delayMs });
  }
}
