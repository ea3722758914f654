// Where to connect to next, and when, if at all.

/** @import { Options } from "./options.js" */
/** @import { Why } from "./types.js" */

/** Waits that double, of which each is cut at random, so that a thousand clients do not return in the same instant. */
export class Attempts {
  #urls;
  #options;
  #turn = 0;
  #failed = 0;
  #openedAt = Infinity;

  /**
   * @param {string[]} urls
   * @param {Required<Options>} options
   */
  constructor(urls, options) {
    this.#urls = urls;
    this.#options = options;
  }

  url() {
    return this.#urls[this.#turn % this.#urls.length];
  }

  opened() {
    this.#openedAt = performance.now();
  }

  /** How many milliseconds to wait, now that this one is over. @param {Why} why */
  delay({ code, retry_after_ms = 0 }) {
    // One that worked is tried again, unless it goes down by itself.
    if (this.#openedAt === Infinity || code === "draining") this.#turn++;
    if (performance.now() - this.#openedAt > STABLE_MS) this.#failed = 0;
    this.#openedAt = Infinity;
    const { firstDelayMs, longestDelayMs } = this.#options;
    return retry_after_ms + Math.random() * Math.min(longestDelayMs, firstDelayMs * 2 ** this.#failed++);
  }
}

/**
 * Whether to return would only end the same way.
 *
 * @param {Why} why
 * @param {number} [close] the transport's code
 */
export function isFinal({ code }, close = 0) {
  return ENDS.includes(code) || CLOSES.includes(close) || (close >= 4000 && close !== 4401);
}

/** Whether the wait may end early. @param {Why} [why] */
export function mayHurry(why) {
  return why?.code !== "cut" && !why?.retry_after_ms;
}

/**
 * Lets a listener hear when the network or the user is back, where the platform tells.
 *
 * @param {"addEventListener" | "removeEventListener"} how
 * @param {() => void} listener
 */
export function watch(how, listener) {
  for (const type of ["online", "visibilitychange"]) globalThis[how]?.(type, listener);
}

// Of the protocol: ends, and refusals of a connect.
const ENDS = ["replaced", "kicked", "abuse", "bad_request", "unauthorized", "forbidden", "rejected", "too_large"];
// Goodbye, or the client's fault.
const CLOSES = [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003];
// A connection that held for so long was a good one.
const STABLE_MS = 5000;
