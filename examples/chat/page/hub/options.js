// What a hub may be told, and what holds if it is not.

/** @import { Hello } from "./types.js" */

/**
 * @typedef {object} Options
 * @property {Hello | (() => Hello | Promise<Hello>)} [hello] asked for each connection, and for a new token when one expires
 * @property {any} [WebSocket] the constructor, where the platform has none
 * @property {number} [pingMs] between two measures of the latency
 * @property {number} [timeoutMs] how long opening, or a ping's answer, may take before the connection counts as lost
 * @property {number} [firstDelayMs] the longest wait before the first attempt to return; it doubles with each that fails
 * @property {number} [longestDelayMs] where the doubling ends
 * @property {number} [maxUnanswered] how many commands may wait for an answer; one more fails with `too_many`
 */

/** @type {Required<Options>} */
export const DEFAULTS = {
  hello: {},
  WebSocket: globalThis.WebSocket,
  pingMs: 10_000,
  timeoutMs: 10_000,
  firstDelayMs: 500,
  longestDelayMs: 15_000,
  maxUnanswered: 1000,
};
