// Who is typing: told seldom, believed for a short time, and over with the message.

import { listed } from "./dom.js";

const TELL_EVERY_MS = 2000;
const BELIEVE_MS = 3000;

export class Typing {
  #changed;
  #people = new Map(); // the timers, by user
  #names = new Map();
  #told = -Infinity;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {{ user: string, info?: { name?: string } }} from */
  hear({ user, info }) {
    clearTimeout(this.#people.get(user));
    this.#people.set(user, setTimeout(() => this.over(user), BELIEVE_MS));
    this.#names.set(user, info?.name ?? "somebody");
    this.#changed();
  }

  over(user) {
    clearTimeout(this.#people.get(user));
    if (this.#people.delete(user)) this.#changed();
  }

  /** Tells the room, if that was not done a moment ago. */
  tell(room) {
    const now = performance.now();
    if (now - this.#told < TELL_EVERY_MS) return;
    this.#told = now;
    room.send({ typing: true });
  }

  /** What was typed has been sent: the next letter is news again. */
  sent() {
    this.#told = -Infinity;
  }

  text() {
    const names = [...this.#people.keys()].map((user) => this.#names.get(user));
    if (!names.length) return "";
    if (names.length > 3) return "Several people are typing…";
    return `${listed(names)} ${names.length === 1 ? "is" : "are"} typing…`;
  }
}
