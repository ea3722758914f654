// What has events, and what goes wrong with it.

/** @import { Why } from "./types.js" */

/** Why something was not done: `code` for the program, `message` for people. */
export class HubError extends Error {
  /** @param {Why} why */
  constructor({ code, message, retry_after_ms }) {
    super(message || code);
    this.name = "HubError";
    this.code = code;
    /** Not to be tried again before that. */
    this.retryAfterMs = retry_after_ms;
  }
}

/**
 * The platform's own events, with the detail alone.
 *
 * @template Events
 */
export class Emitter extends EventTarget {
  /**
   * Calls `listener` at each event of this type, until the function that it returns is called.
   *
   * @template {keyof Events & string} T
   * @param {T} type
   * @param {(detail: Events[T]) => void} listener
   * @returns {() => void}
   */
  on(type, listener) {
    const hear = (/** @type {Event} */ event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(type, hear);
    return () => this.removeEventListener(type, hear);
  }

  /**
   * @protected
   * @template {keyof Events & string} T
   * @param {T} type
   * @param {Events[T]} detail
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
