// A room, on whatever connection there is.

import { Emitter, HubError } from "./emitter.js";

/** @import { Message, Position, Receipt, RoomEvents, User } from "./types.js" */

/**
 * A room that was joined. It outlives the connection: each message comes once, in the room's order.
 *
 * @extends {Emitter<RoomEvents>}
 */
export class Room extends Emitter {
  /** Who is here, by name. @type {Map<string, User>} */
  users = new Map();
  #link; #history; #timer; #isIn = false;
  #epoch; #at = -1; // up to where we have heard
  #stood = 0; // where the room was when we came
  #missed; // what of the time without a connection is coming: from where, and how much has come
  #held; // what waits for the answer with what was before it
  #version = 0; // of the users

  /** Use Hub.join. */
  constructor(topic, history, link) {
    super();
    /** @type {string} */
    this.topic = topic;
    this.#history = history;
    this.#link = link;
    link.enter({
      room: this,
      join: () => this.#join(),
      isIn: () => this.#isIn,
      hear: (frame) => this.#hear(frame),
      cut: () => this.#out(),
    });
  }

  /**
   * Says something to the room: once, however often it must be tried. It waits for a connection.
   *
   * @param {any} data
   * @param {string} [key] by which a retry is known, and the message when it comes; one is made if there is none
   * @returns {Promise<Receipt>} fails with a HubError if it is refused, or if the room or the hub ends before
   */
  publish(data, key = `${PREFIX}-${++keys}`) {
    return this.#ask({ type: "publish", data, key });
  }

  /**
   * Says something that is worth nothing later, such as that somebody types: now or not at all.
   *
   * @param {any} data
   */
  send(data) {
    if (this.#isIn) this.#link.send({ type: "publish", data });
  }

  /**
   * Up to so many messages: the last ones, or those after a place.
   *
   * @param {number} limit
   * @param {Position} [since]
   * @returns {Promise<Message[]>}
   */
  async history(limit, since) {
    return (await this.#ask({ type: "history", limit, since })).messages;
  }

  /** Goes. What was not answered fails. */
  leave() {
    if (this.#isIn) this.#link.ask({ type: "leave" });
    this.#over({ code: "left" });
  }

  #ask(command) {
    return new Promise((done, fail) => {
      this.#link.ask(command, done, (why) => fail(new HubError(why)), true);
    });
  }

  #join() {
    // While nothing has come, it is not known whether the history would have: it is asked for again.
    const how = this.#at < 0 ? { history: this.#history } : { since: { offset: this.#at, epoch: this.#epoch } };
    this.#link.ask({ type: "join", ...how }, (ok) => void (this.#joined(ok, "since" in how), this.#link.joined()), (why) => {
      if (why.retry_after_ms) this.#timer = setTimeout(() => this.#join(), why.retry_after_ms);
      else this.#over(why);
    });
  }

  #joined({ position, recovered, presence }, isSince) {
    const { offset, epoch } = position;
    const isBack = this.#epoch !== undefined;
    const isSame = this.#epoch === epoch;
    const from = Math.max(this.#at, this.#stood);
    const isWhole = recovered || isSame && !isSince && offset - from <= this.#history;
    if (!isSame) this.#at = this.#history ? -1 : offset;
    this.#epoch = epoch;
    this.#stood = offset;
    this.#isIn = true;
    if (presence) this.#know(presence, isSame);
    this.emit("joined", { position });
    if (isBack && isWhole) this.#missed = { from, count: 0 };
    else if (isBack && isSince && this.#history) this.#fill(isSame);
    else if (isBack) this.#lost(isSame, offset - from);
    this.#settle();
  }

  /** The server has not all: loads what there is, before what comes next. */
  #fill(isSame) {
    this.#held = [];
    const go = (messages) => {
      const held = this.#held;
      this.#held = undefined;
      this.#lost(isSame, (messages[0]?.offset ?? this.#stood + 1) - this.#at - 1);
      for (const frame of [...messages, ...held]) this.#hear(frame);
      this.#at = Math.max(this.#at, this.#stood);
    };
    this.#link.ask({ type: "history", limit: this.#history }, ({ messages }) => go(messages), () => go([]));
  }

  #lost(isKnown, count) {
    if (isKnown) this.#link.lost(count);
    this.emit("insufficient", { lost: isKnown ? count : undefined });
  }

  #hear(frame) {
    const { type, offset, from, to = offset } = frame;
    if (type === "left") return this.#over(frame);
    if (this.#held) return void this.#held.push(frame);
    if (type === "reset") return void (this.#joined(frame, false), this.#look()); // as if it were another room
    if (!this.#isIn || to <= this.#at) return;
    this.#at = to;
    if (type === "message") {
      const replayed = offset <= this.#stood;
      if (this.#missed && replayed && offset > this.#missed.from) this.#missed.count++;
      this.emit("message", { ...frame, replayed });
    } else if (type === "presence") this.#change(frame);
    else if (type === "gap") {
      this.#link.lost(to - from + 1);
      this.emit("gap", { from, to });
      this.#look();
    }
    this.#settle();
  }

  /** All that was missed has come, or nothing more comes: the last places may have been for others. */
  #settle() {
    if (!this.#missed) return;
    clearTimeout(this.#timer);
    const tell = () => {
      const { count } = this.#missed;
      this.#missed = undefined;
      this.emit("recovered", { count });
    };
    if (this.#at >= this.#stood) tell();
    else this.#timer = setTimeout(tell, QUIET_MS);
  }

  #look() {
    this.#link.ask({ type: "presence" }, ({ presence }) => this.#know(presence, true));
  }

  #know({ version, users }, tell) {
    const before = this.users;
    this.users = new Map(users.map((user) => [user.user, user]));
    this.#version = version;
    const joined = tell ? users.filter(({ user }) => !before.has(user)) : [];
    const left = tell ? [...before.keys()].filter((user) => !this.users.has(user)) : [];
    this.emit("presence", { joined, changed: [], left });
  }

  #change({ version, joined = [], left = [] }) {
    if (version <= this.#version) return;
    if (version > this.#version + 1) return this.#look();
    this.#version = version;
    const changed = joined.filter(({ user }) => this.users.has(user));
    joined = joined.filter(({ user }) => !this.users.has(user));
    for (const user of [...joined, ...changed]) this.users.set(user.user, user);
    left = left.filter((user) => this.users.delete(user));
    this.emit("presence", { joined, changed, left });
  }

  #out() {
    this.#isIn = false;
    this.#held = this.#missed = undefined;
    clearTimeout(this.#timer);
  }

  #over(why) {
    this.#out();
    this.#link.left(why);
    this.emit("left", why);
  }
}

let keys = 0;
const PREFIX = Math.random().toString(36).slice(2);
// So long after the last of what was missed it is told how much it was.
const QUIET_MS = 300;
