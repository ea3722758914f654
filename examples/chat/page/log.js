// The log of the room in view: it follows the end while that is in sight, and stays where it is while one reads above.

import { $ } from "./dom.js";

const [log, latest] = ["log", "latest"].map($);

let waiting = []; // for the next frame: one layout for all that came since the last
let following = true;
let seen = () => {};

/** Calls when the end has come into sight. */
export function onSeen(listener) {
  seen = listener;
}

/** Whether the end is in sight, if anybody looks. */
export const isAtEnd = () => following;

/** Whether somebody looks at the end. */
export const isSeen = () => following && !document.hidden;

/** Shows another room's entries, all at once and without reading them out. */
export function show(entries, follow) {
  waiting = [];
  log.ariaLive = "off";
  log.replaceChildren(...entries);
  following = follow;
  log.scrollTop = follow ? log.scrollHeight : 0;
  latest.hidden = true;
  requestAnimationFrame(() => { log.ariaLive = "polite"; });
}

/** Adds an entry at the end; one that stands there already is moved. What was `replayed` is not read out, as it is many. */
export function add(entry, replayed = false) {
  if (replayed) log.ariaLive = "off";
  if (!waiting.length) document.hidden ? setTimeout(flush, 200) : requestAnimationFrame(flush);
  waiting = waiting.filter((it) => it !== entry);
  waiting.push(entry);
}

/** Takes an entry away without a move of what one reads. */
export function remove(entry) {
  waiting = waiting.filter((it) => it !== entry);
  const before = log.scrollHeight;
  const isAbove = entry.offsetTop < log.scrollTop;
  entry.remove();
  if (isAbove && !following) log.scrollTop -= before - log.scrollHeight;
}

/** Goes to the end, and stays there. */
export function follow() {
  following = true;
  log.scrollTop = log.scrollHeight;
  latest.hidden = true;
  if (!document.hidden) seen();
}

function flush() {
  log.append(...waiting.splice(0));
  if (following) follow();
  else latest.hidden = false;
  if (log.ariaLive === "off") requestAnimationFrame(() => { log.ariaLive = "polite"; });
}

log.addEventListener("scroll", () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 32;
  if (!following) return;
  latest.hidden = true;
  if (!document.hidden) seen();
}, { passive: true });
latest.addEventListener("click", () => { follow(); $("text").focus(); });
document.addEventListener("visibilitychange", () => { if (isSeen()) seen(); });
// A phone's keyboard takes half of the log: the end stays in sight.
new ResizeObserver(() => { if (following) log.scrollTop = log.scrollHeight; }).observe(log);
