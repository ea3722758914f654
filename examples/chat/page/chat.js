// The chat page: puts the hub's client, the rooms and what is around them together.

import { help, parse } from "./commands.js";
import * as composer from "./composer.js";
import { startNodes, startPlug, startSlow } from "./demo.js";
import { $, listed } from "./dom.js";
import { Hub } from "./hub/hub.js";
import * as people from "./people.js";
import * as profile from "./profile.js";
import * as rooms from "./rooms.js";
import * as stats from "./stats.js";
import * as status from "./status.js";

const { dev, ports, rules } = await (await fetch("/chat.json")).json();

// The servers: the one that this page is from, and where there are others, those to go to when it is gone.
const others = ports.filter((port) => `${port}` !== location.port);
const nodes = [location.port || ports[0], ...others].map((port) => {
  const http = others.length ? `${location.protocol}//${location.hostname}:${port}` : location.origin;
  return { port: `${port}`, http, ws: `${http.replace(/^http/, "ws")}/ws` };
});
let connectedTo = nodes[0];
const server = () => connectedTo.http;

/** Knows where the hub's client is connected to, which chooses among the servers itself. */
class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    connectedTo = nodes.find((node) => node.ws === `${url}`) ?? nodes[0];
  }
}

const hub = new Hub(nodes.map(({ ws }) => ws), { hello: profile.hello, WebSocket: Socket });
status.start(hub);
rooms.start({ hub, history: rules.History, maxChars: rules.MaxNameChars }, () => {
  const tab = rooms.inView();
  if (!tab) return;
  people.show(tab);
  status.update(hub, tab.room.users.size);
});

// ── What is typed ───────────────────────────────────────────────────────────

const COMMANDS = {
  nick: (name, tab) => rename(name) || tab.note(`A name has 1 to ${rules.MaxNameChars} characters.`),
  me: (text, tab) => tab.say(text, true),
  who: (_, tab) => tab.note(`Here: ${listed(tab.people().map(({ name }) => name)) || "nobody yet"}`),
  join: (room) => rooms.goTo(rooms.named(room)),
  leave: (_, tab) => rooms.leave(tab) || tab.note("The lobby is never left."),
  help: (_, tab) => tab.note(help()),
};

composer.start({
  maxChars: rules.MaxTextChars,
  typed: () => rooms.inView().typing.tell(rooms.inView().room),
  said(typed) {
    const tab = rooms.inView();
    const { say, command, rest, wrong } = parse(typed);
    if (say) tab.say(say);
    else if (wrong) tab.note(wrong);
    else COMMANDS[command](rest, tab);
    return !wrong;
  },
});

// ── Who one is ──────────────────────────────────────────────────────────────

let nameBefore = profile.name();

/** Takes another name: the connection says who one is, so there is a new one, and nobody sees more of it than the name. */
function rename(typed) {
  const name = typed.trim().replace(/\s+/g, " ");
  if (!name || [...name].length > rules.MaxNameChars) return false;
  if (name === profile.name()) return true;
  nameBefore = profile.name();
  profile.rename(name);
  reconnect();
  return true;
}

function reconnect() {
  $("name").value = profile.name();
  hub.cut(0);
}

profile.onRename(reconnect);
hub.on("state", ({ state, why }) => {
  // Whoever was too slow could not be told at the time.
  if (state === "connected" && why?.code === "too_slow") rooms.inView()?.note(status.inWords(why), "bad");
  if (state !== "closed" || why?.code !== "rejected" || nameBefore === profile.name()) return;
  const refused = profile.name();
  profile.rename(nameBefore);
  reconnect();
  rooms.inView().note(`“${refused}” is no name: ${why.message}.`);
});

$("name").value = profile.name();
$("name").maxLength = rules.MaxNameChars;
$("name").addEventListener("change", () => { if (!rename($("name").value)) $("name").value = profile.name(); });
$("me").addEventListener("submit", (event) => { event.preventDefault(); $("text").focus(); });

// ── What is around ──────────────────────────────────────────────────────────

$("invite").addEventListener("click", async () => {
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  rooms.inView().note(copied ? `The invitation is copied: ${location.href}` : `Send this link: ${location.href}`);
});

// On a narrow screen the panels at the sides are drawers.
for (const [button, panel] of [["show-rooms", "side"], ["show-people", "aside"]]) {
  $(button).addEventListener("click", () => turn(panel, !$(panel).classList.contains("open")));
}
function turn(panel, isOpen) {
  for (const [button, id] of [["show-rooms", "side"], ["show-people", "aside"]]) {
    const opens = isOpen && id === panel;
    $(id).classList.toggle("open", opens);
    $(button).ariaExpanded = opens;
  }
  if (isOpen) $(panel).focus();
}
document.addEventListener("keydown", ({ key }) => {
  const open = document.querySelector(".drawer.open");
  if (key !== "Escape" || !open) return;
  turn(open.id, false);
  $(open.id === "side" ? "show-rooms" : "show-people").focus();
});
$("main").addEventListener("click", ({ target }) => { if (!target.closest("header button")) turn("", false); });
addEventListener("hashchange", () => turn("", false));

startPlug(hub, rooms.inView);
if (dev) startSlow(hub, server);
startNodes(hub, nodes, () => connectedTo.port);
stats.start(server);
