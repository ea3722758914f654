// Who came and who went, told quietly: gathered for a moment, each person once, and from many a number.

import { counted, listed } from "./dom.js";

const GATHER_MS = 1000;
const MANY = 5;

export class Notices {
  #tell;
  #timer;
  #names = new Map(); // of whom was here, by user
  #came = new Map();
  #went = new Map();
  #renamed = new Map(); // from which name

  /** @param {(text: string) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {{ joined: any[], changed: any[], left: string[] }} change @param {string} self whom nobody needs to tell of */
  change({ joined, changed, left }, self) {
    for (const { user, info } of joined) {
      if (user !== self) {
        if (this.#went.has(user)) this.#rename(user, this.#went.get(user), info?.name);
        else this.#came.set(user, info?.name);
        this.#went.delete(user);
      }
      this.#names.set(user, info?.name);
    }
    for (const { user, info } of changed) {
      if (user !== self) this.#rename(user, this.#names.get(user), info?.name);
      this.#names.set(user, info?.name);
    }
    for (const user of left) {
      if (!this.#came.delete(user) && this.#names.has(user)) this.#went.set(user, this.#names.get(user));
    }
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Who is here already, of whom there is nothing to tell. */
  know(users) {
    for (const { user, info } of users) this.#names.set(user, info?.name);
  }

  #rename(user, from, to) {
    if (this.#came.has(user)) this.#came.set(user, to); // who has just come has but one name
    else if (from && from !== to) this.#renamed.set(user, this.#renamed.get(user) ?? from);
  }

  #flush() {
    this.#timer = undefined;
    const renamed = [...this.#renamed].map(([user, from]) => `${from} is now ${this.#names.get(user)}`);
    const texts = [told(this.#came, "joined"), told(this.#went, "left"), ...renamed.slice(0, MANY)];
    for (const user of this.#went.keys()) this.#names.delete(user);
    for (const map of [this.#came, this.#went, this.#renamed]) map.clear();
    const text = texts.filter(Boolean).join(", ");
    if (text) this.#tell(text);
  }
}

function told(people, verb) {
  if (!people.size) return "";
  const who = people.size > MANY ? counted(people.size, "person", "people") : listed([...people.values()]);
  return `${who} ${verb}`;
}
