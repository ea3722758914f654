// One room: what stands in its log, what is unread, who is typing, and what of ours is on its way.

import { divider, isMore, line, mark, notice, stamp } from "./entry.js";
import * as log from "./log.js";
import { Notices } from "./notices.js";
import * as profile from "./profile.js";
import { counted, make } from "./dom.js";
import { Typing } from "./typing.js";

const ENTRIES = 500; // kept in the page; the oldest go first

export class Tab {
  unread = 0;
  follows = true;
  #hub; #changed; #divider;
  #joins = 0;
  #missed = 0; // texts that came after the last join, and were said before it
  #entries = [];
  #pending = new Map(); // own lines without an answer, by key
  #notices = new Notices((text) => this.note(text, "presence"));

  /**
   * @param {import("./hub/hub.js").Hub} hub
   * @param {string} topic
   * @param {number} history
   * @param {() => void} changed something but the log
   */
  constructor(hub, topic, history, changed) {
    this.#hub = hub;
    this.#changed = changed;
    this.topic = topic;
    this.isShown = false;
    this.typing = new Typing(changed);
    const room = this.room = hub.join(topic, { history });
    room.on("joined", () => {
      this.#joins++;
      this.#missed = 0;
      changed();
    });
    room.on("message", (message) => this.#hear(message));
    room.on("presence", (change) => {
      if (change.joined.length + change.changed.length + change.left.length) this.#notices.change(change, hub.user);
      else this.#notices.know(room.users.values());
      for (const user of change.left) this.typing.over(user);
      changed();
    });
    room.on("recovered", () => {
      if (this.#missed) this.note(`Recovered ${counted(this.#missed, "message")}`, "good");
    });
    room.on("insufficient", ({ lost }) => this.note(lost === undefined
      ? "Some messages may be gone: the server has begun anew"
      : `Some messages are gone: ${lost} at most`, "bad"));
    room.on("gap", ({ from, to }) => this.note(`${counted(to - from + 1, "message")} lost: this page was too slow`, "bad"));
    room.on("left", ({ code, message }) => {
      if (code === "left") return;
      this.note(`This room is closed to you: ${message ?? code}`, "bad");
      changed();
    });
  }

  /** Who is here, oneself first, then by name. */
  people() {
    const name = ({ info }) => info?.name ?? "somebody";
    const order = (a, b) => (b.user === this.#hub.user) - (a.user === this.#hub.user) || name(a).localeCompare(name(b));
    return [...this.room.users.values()].sort(order)
      .map((user) => ({ ...user, name: name(user), plain: user.info?.plain, own: user.user === this.#hub.user }));
  }

  /** Says something, at once in this page and then to all; whatever becomes of it stands with the line. */
  say(text, action = false) {
    const name = this.room.users.get(this.#hub.user)?.info?.name ?? profile.name();
    const user = this.#hub.user ?? "me";
    const element = line({ user, name, own: true, at: Date.now(), text, action, state: "pending" });
    this.#clearDivider();
    this.#add(element);
    if (this.isShown) log.follow();
    this.typing.sent();
    this.#publish(element, profile.random(), action ? { text, action } : { text });
  }

  note(text, kind) {
    this.#add(notice(text, kind));
  }

  show() {
    this.isShown = true;
    log.show(this.#entries, this.follows);
    if (log.isSeen()) this.seen();
  }

  hide(follows) {
    this.isShown = false;
    this.follows = follows;
    this.#clearDivider();
  }

  /** Its end was in sight. */
  seen() {
    if (!this.unread) return;
    this.unread = 0;
    this.#changed();
  }

  async #publish(element, key, data) {
    this.#pending.set(key, element);
    try {
      await this.room.publish(data, key);
      mark(element, "sent"); // and takes its place when it is heard, which may be after this
    } catch ({ code, message, retryAfterMs }) {
      const again = () => {
        mark(element, "pending");
        this.#publish(element, key, data); // with the same key: nobody can hear it twice
      };
      if (code === "rate_limited" && this.#pending.has(key)) {
        const wait = Math.max(retryAfterMs ?? 0, 100);
        mark(element, "pending", `A little slower, please: this goes out in ${(wait / 1000).toFixed(1)} s`);
        return setTimeout(again, wait);
      }
      const retry = make("button", { type: "button", className: "retry" }, "Try again");
      retry.addEventListener("click", again);
      mark(element, "failed", `Not sent: ${message ?? code}. `, retry);
    }
  }

  #hear({ from, at, data, key, replayed }) {
    if (data?.typing) {
      if (from?.user && from.user !== this.#hub.user && !replayed) this.typing.hear(from);
      return;
    }
    if (typeof data?.text !== "string") return;
    if (replayed) this.#missed++;
    if (from?.user) this.typing.over(from.user);
    const own = from?.user === this.#hub.user;
    const pending = own && this.#pending.get(key);
    if (pending) {
      mark(pending, "sent");
      stamp(pending, at);
      this.#pending.delete(key);
      return this.#add(pending);
    }
    const name = from?.info?.name ?? "server";
    const said = line({ user: from?.user, name, own, at, text: data.text, action: data.action, state: "sent" });
    // What was said before we were ever here is no news.
    const isNew = !own && !(replayed && this.#joins === 1) && !(this.isShown && log.isSeen());
    if (isNew) {
      if (!this.#divider && this.#entries.length) this.#add(this.#divider = divider());
      this.unread++;
    }
    this.#add(said, replayed);
    if (isNew) this.#changed();
  }

  /** Adds an entry, or moves it to its place in the room's order: behind all that has one. */
  #add(entry, replayed = false) {
    const last = this.#entries.at(-1);
    if (entry === last) return this.#join(this.#entries.at(-2), entry);
    const index = this.#entries.indexOf(entry);
    if (index >= 0) {
      this.#entries.splice(index, 1);
      const [before, after] = [this.#entries[index - 1], this.#entries[index]];
      if (after) this.#join(before, after);
    }
    this.#join(this.#entries.at(-1), entry);
    this.#entries.push(entry);
    if (this.isShown) log.add(entry, replayed);
    while (this.#entries.length > ENTRIES) {
      const oldest = this.#entries.shift();
      if (this.isShown) log.remove(oldest);
      for (const [key, entry] of this.#pending) if (entry === oldest) this.#pending.delete(key);
    }
  }

  #join(before, entry) {
    entry.classList.toggle("more", isMore(before, entry));
  }

  #clearDivider() {
    if (!this.#divider) return;
    this.#entries = this.#entries.filter((entry) => entry !== this.#divider);
    if (this.isShown) log.remove(this.#divider);
    this.#divider = undefined;
  }
}
