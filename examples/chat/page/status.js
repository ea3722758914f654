// The status line, which tells the truth, and the banner for when that is bad.

import { $, setText } from "./dom.js";

const [state, banner, reason, retry, latency, online, lost] =
  ["state", "banner", "reason", "retry", "latency", "online", "lost"].map($);

// A cut that is over before that is nothing to read about.
const QUIET_MS = 1500;
const WORDS = { connecting: "Connecting", connected: "Connected", waiting: "Reconnecting", closed: "Closed" };

/** @param {import("./hub/hub.js").Hub} hub */
export function start(hub) {
  let timer;
  let isDown = false;
  const turn = ({ state: now, why }) => {
    const isUp = now === "connected";
    state.dataset.state = now === "connecting" && why ? "waiting" : now;
    setText(state, WORDS[state.dataset.state]);
    if (now === "closed") {
      clearTimeout(timer);
      tell(inWords(why), why.code === "replaced" ? "Use this page" : "Connect again");
    } else if (isUp) {
      clearTimeout(timer);
      isDown = false;
      banner.hidden = true;
    } else if (!isDown && why) {
      isDown = true;
      timer = setTimeout(() => tell(`${inWords(hub.why ?? why)} Reconnecting…`, "Try now"), QUIET_MS);
    } else if (!banner.hidden && now === "waiting") tell(`${inWords(why)} Reconnecting…`, "Try now");
    update(hub);
  };
  hub.on("state", turn);
  hub.on("latency", () => update(hub));
  retry.addEventListener("click", () => hub.open());
  turn(hub);
}

/** @param {import("./hub/hub.js").Hub} hub @param {number} [people] in the room in view */
export function update(hub, people) {
  setText(latency, hub.state === "connected" && hub.latency !== undefined ? `${format(hub.latency)} ms` : "– ms");
  setText(lost, `${hub.lost} lost`);
  lost.classList.toggle("bad", hub.lost > 0);
  if (people !== undefined) setText(online, `${people} here`);
}

export function tell(text, action = "") {
  banner.hidden = false;
  setText(reason, text);
  retry.hidden = !action;
  setText(retry, action);
}

/** Why a connection ended, for people. */
export function inWords({ code, message }) {
  const words = {
    too_slow: "The server let go of this page, which did not read fast enough.",
    draining: "The server is going down.",
    replaced: "You have opened this chat in so many places that this one was let go.",
    kicked: "The server has cut this page off.",
    expired: "Your visit is over.",
    abuse: "The server has had enough of what this page sends.",
    timeout: "The server does not answer.",
    cut: "The plug is pulled.",
    closed: "You have left.",
    rejected: "The server does not take you in.",
    unauthorized: "The server does not know you.",
    1001: "The server went away.",
    1005: "The connection was closed.",
    1006: "The server cannot be reached.",
    1008: "The server refused this page.",
    1009: "A message was too large.",
    1011: "The server had an error.",
    1012: "The server restarts.",
    1013: "The server could not keep this page up to date.",
  }[code] ?? "The connection broke.";
  return message && !["draining", "cut", "closed"].includes(code) ? `${words.slice(0, -1)}: ${message}.` : words;
}

const format = (ms) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0));
