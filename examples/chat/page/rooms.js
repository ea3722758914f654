// The rooms that this page is in: the one in view is the hash of the URL, so that a link is an invitation.

import { $, make, setText } from "./dom.js";
import * as composer from "./composer.js";
import * as log from "./log.js";
import { Tab } from "./tab.js";

const TITLE = document.title;
const LOBBY = "lobby";
const KEY = "zeroxide-chat-rooms";

/** @type {Map<string, Tab>} */
const tabs = new Map();
let current;
let open;
let changed;
let max;

/**
 * @param {{ hub: import("./hub/hub.js").Hub, history: number, maxChars: number }} options
 * @param {() => void} listener something of the room in view has changed, or it is another one
 */
export function start({ hub, history, maxChars }, listener) {
  changed = listener;
  max = maxChars;
  open = (topic) => {
    if (!tabs.has(topic)) tabs.set(topic, new Tab(hub, topic, history, update));
    return tabs.get(topic);
  };
  for (const topic of remembered()) open(topic);
  addEventListener("hashchange", turn);
  $("join").addEventListener("submit", (event) => {
    event.preventDefault();
    const topic = named($("join-room").value);
    $("join-room").value = "";
    if (topic) goTo(topic);
  });
  $("join-room").maxLength = maxChars;
  log.onSeen(() => current?.seen());
  turn();
}

/** The room in view. @returns {Tab} */
export const inView = () => current;

/** Goes to a room, and into it if need be. */
export function goTo(topic) {
  location.hash = encodeURIComponent(topic);
}

/** Leaves a room; the lobby is never left. */
export function leave(tab) {
  if (tab.topic === LOBBY) return false;
  tabs.delete(tab.topic);
  tab.room.leave();
  if (tab === current) goTo(LOBBY);
  update();
  return true;
}

/** What a room is called that somebody typed: as in a URL, and one and the same however it was typed. */
export function named(text) {
  const name = text.normalize().trim().toLowerCase().replace(/^#/, "").replace(/\s+/g, "-");
  return [...name].slice(0, max).join("");
}

function turn() {
  const topic = named(decoded(location.hash.slice(1))) || LOBBY;
  if (location.hash) history.replaceState(null, "", `#${encodeURIComponent(topic)}`);
  if (topic === current?.topic) return;
  current?.hide(log.isAtEnd());
  current = open(topic);
  composer.turnTo(topic);
  current.show();
  $("room").replaceChildren(topic);
  $("text").placeholder = `Message #${topic}`;
  update();
}

function update() {
  const unread = [...tabs.values()].reduce((sum, tab) => sum + tab.unread, 0);
  document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
  remember();
  const items = [...tabs.values()].map((tab) => {
    const link = make("a", { href: `#${encodeURIComponent(tab.topic)}` }, make("span", { dir: "auto" }, tab.topic));
    if (tab === current) link.ariaCurrent = "page";
    if (tab.unread) {
      link.append(make("b", { className: "badge" }, `${tab.unread}`, make("span", { className: "unseen" }, " unread")));
    }
    const item = make("li", {}, link);
    if (tab.topic !== LOBBY) {
      const close = make("button", { type: "button", className: "quiet", ariaLabel: `Leave ${tab.topic}` }, "×");
      close.addEventListener("click", () => leave(tab));
      item.append(close);
    }
    return item;
  });
  const focused = [...$("rooms").querySelectorAll("a, button")].indexOf(document.activeElement);
  $("rooms").replaceChildren(...items);
  if (focused >= 0) $("rooms").querySelectorAll("a, button")[focused]?.focus();
  setText($("typing"), current?.typing.text() ?? "");
  changed();
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

function remembered() {
  try {
    const topics = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return [LOBBY, ...topics.filter((topic) => typeof topic === "string" && topic !== LOBBY)];
  } catch {
    return [LOBBY];
  }
}

function remember() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...tabs.keys()]));
  } catch {
    // Then they are for this visit alone.
  }
}
