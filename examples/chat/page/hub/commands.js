// The commands that wait for an answer.

/** @import { Why } from "./types.js" */

/**
 * @typedef {object} Command
 * @property {string} type
 * @property {string} [topic]
 * @property {number} [id]
 */

/** @typedef {(answer: any) => void} Done */

/** Commands by their numbers, in their order. Those that are kept are for the next connection too. */
export class Commands {
  #max;
  #last = 0;
  /** @type {Map<number, { command: Command, keep: boolean, done: Done, fail: (why: Why) => void }>} */
  #waiting = new Map();

  /** @param {number} max how many may wait */
  constructor(max) {
    this.#max = max;
  }

  /**
   * Returns the command with its number, or nothing if too many wait, which it is told.
   *
   * @param {Command} command
   * @param {boolean} keep
   * @param {Done} [done]
   * @param {(why: Why) => void} [fail]
   * @returns {Command | undefined}
   */
  add(command, keep = false, done = () => {}, fail = () => {}) {
    // Not for the connection's own commands, without which nothing would be answered any more.
    if (keep && this.#waiting.size >= this.#max) return void fail({ code: "too_many", message: "too much is unanswered" });
    const id = ++this.#last;
    this.#waiting.set(id, { command: { ...command, id }, keep, done, fail });
    return { ...command, id };
  }

  /**
   * Takes an answer. Whether somebody waited for it.
   *
   * @param {{ type: string, id?: number, code?: string }} answer
   */
  answer(answer) {
    const id = answer.id ?? 0;
    const asked = this.#waiting.get(id);
    // A server that goes down answers nothing: the next one will, or the end of the connection says what is next.
    if (!asked || answer.code === "draining") return Boolean(asked);
    this.#waiting.delete(id);
    if (answer.type === "ok") asked.done(answer);
    else asked.fail(/** @type {any} */ (answer));
    return true;
  }

  /** What is kept for a room. @param {string} topic @returns {Command[]} */
  kept(topic) {
    const kept = [...this.#waiting.values()].filter(({ command, keep }) => keep && command.topic === topic);
    return kept.map(({ command }) => command);
  }

  /** The connection is gone, and what is not kept with it. */
  drop() {
    for (const [id, { keep }] of this.#waiting) if (!keep) this.#waiting.delete(id);
  }

  /** Nobody will answer these: all, or a room's. @param {Why} why @param {string} [topic] */
  fail(why, topic) {
    for (const [id, { command, fail }] of this.#waiting) {
      if (topic !== undefined && command.topic !== topic) continue;
      this.#waiting.delete(id);
      fail(why);
    }
  }
}
