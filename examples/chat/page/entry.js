// What stands in a log: lines, notices, and the mark where the news begin.

import { icon, make } from "./dom.js";

/**
 * A line that somebody said.
 *
 * @param {{ user?: string, name: string, own: boolean, at: number, text: string, action?: boolean, state: string }} said
 */
export function line({ user = "", name, own, at, text, action, state }) {
  const element = make("div", { className: "line", dir: "auto", data: { user, at, state } });
  if (own) element.classList.add("own");
  const avatar = make("span", { className: "avatar", ariaHidden: "true" }, initials(name));
  avatar.style.setProperty("--hue", hue(name));
  const who = make("p", { className: own ? "unseen" : "who" }, make("b", { dir: "auto" }, own ? "You" : name));
  who.style.setProperty("--hue", hue(name));
  const said = make("div", { className: "text" }, ...linked(text));
  if (action) {
    element.classList.add("action");
    said.prepend(make("b", {}, name), " ");
  } else if (EMOJI.test(text)) element.classList.add("emoji");
  const foot = make("p", { className: "foot" }, time(at));
  if (own) foot.append(icon(state), make("span", { className: "unseen mark" }, state));
  else who.append(" ", ...foot.childNodes);
  element.append(avatar, make("div", { className: "bubble" }, who, said, foot));
  return element;
}

/** Says of an own line that it is `pending`, `sent` or `failed`; and why, and what one can do. */
export function mark(element, state, why = "", ...actions) {
  element.dataset.state = state;
  element.querySelector(".mark").textContent = state;
  element.querySelector(".foot svg").replaceWith(icon(state));
  element.querySelector(".why")?.remove();
  if (why) element.querySelector(".bubble").append(make("p", { className: "why" }, why, ...actions));
}

/** Sets the time of a line, by the server's clock. */
export function stamp(element, at) {
  element.dataset.at = at;
  element.querySelector("time").replaceWith(time(at));
}

/** What the page itself has to tell. */
export function notice(text, kind = "") {
  return make("p", { className: "notice", dir: "auto", data: { kind } }, text);
}

export function divider() {
  return make("p", { className: "divider", id: "unread" }, make("span", {}, "New"));
}

/** Whether two neighbours are of one person and one moment. */
export function isMore(before, after) {
  const [a, b] = [before?.dataset, after.dataset];
  return a?.user !== undefined && a.user !== "" && a.user === b.user && b.at - a.at < 5 * 60_000
    && !before.classList.contains("action") && !after.classList.contains("action");
}

export function initials(name) {
  const [first = "?", second] = name.split(" ").map((word) => [...word][0]);
  return first.toUpperCase() + (second && second !== second.toLowerCase() ? second : "");
}

/** The colour of a name. */
export function hue(name) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193);
  return (hash >>> 0) % 360;
}

function time(at) {
  const date = new Date(at);
  const text = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return make("time", { dateTime: date.toISOString(), title: date.toLocaleString() }, text);
}

/** A text with what looks like a link made one. */
function linked(text) {
  return text.split(LINK).map((part, index) => {
    if (index % 2 === 0) return part;
    return make("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }, part);
  });
}

// A capture, so that `split` keeps it. Without the dot or the bracket that ends a sentence.
const LINK = /(https?:\/\/[^\s<>"']+[^\s<>"'.,:;!?)\]])/;
const EMOJI = /^(?:\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|\ufe0f|\p{Emoji_Modifier})*\s*){1,3}$/u;
