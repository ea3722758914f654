// The chat page, over two sockets: `/ws` is the room, `/online` tells how many are in it.
//
// From top to bottom: what is said, how it is shown, how a connection is kept. What others say
// gets into the page as text only, by `textContent`.

const $ = (id) => document.getElementById(id);
const [form, text, send, log, latest] = ["form", "text", "send", "log", "latest"].map($);

// ── The room ────────────────────────────────────────────────────────────────

// What was sent and has not come back yet: the room sends everything to everyone, its author too.
let unheard = [];
let lostAt;

const room = keep("/ws", {
  // Closed normally, or for what would only happen again.
  final: [1000, 1002, 1003, 1007, 1008],
  connected() {
    tell("connected", "Connected");
    if (lostAt) {
      const seconds = Math.max(1, Math.round((performance.now() - lostAt.time) / 1000));
      show(`Back after ${seconds} s: ${lostAt.why}. What was said meanwhile is not shown.`, "note");
      lostAt = undefined;
    }
  },
  received(line) {
    const mine = unheard.indexOf(line);
    if (mine >= 0) unheard.splice(0, mine + 1);
    show(line, mine < 0 ? "line" : "line own");
    if (document.hidden) document.title = `(${++unread}) ${title}`;
  },
  lost(why, { wasOpen, over }) {
    if (over) tell("closed", "Closed", `The chat is closed: ${why}.`);
    else tell("reconnecting", "Reconnecting", `No connection: ${why}. Your draft stays here.`);
    if (!wasOpen) return;
    lostAt = { why, time: performance.now() };
    // Perhaps nobody heard these. Whether to say them again is the user's choice.
    text.value = [...unheard, text.value].join(" ").trim();
    unheard = [];
  },
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const line = text.value.trim();
  if (line && !room.send(line)) return;
  if (line) unheard.push(line);
  text.value = "";
  text.focus();
});

function tell(state, word, reason = "") {
  $("state").dataset.state = state;
  // Only what is new is set, as a screen reader reads out all that is.
  if ($("state").textContent !== word) $("state").textContent = word;
  if ($("reason").textContent !== reason) $("reason").textContent = reason;
  $("trouble").hidden = !reason;
  send.disabled = state !== "connected";
}

// ── How many are in it ──────────────────────────────────────────────────────

const people = keep("/online", {
  final: [],
  connected() {},
  received(count) { $("online").textContent = count; },
  lost() { $("online").textContent = "–"; },
});

// ── The log ─────────────────────────────────────────────────────────────────

const LINES = 1000; // kept in the page; the oldest go first
const title = document.title;

let waiting = []; // for the next frame: one layout for all that came since the last
let following = true; // the end is in sight, and stays there
let unread = 0;

function show(content, kind) {
  if (!waiting.length) document.hidden ? setTimeout(flush, 200) : requestAnimationFrame(flush);
  waiting.push(entry(content, kind));
  if (waiting.length > LINES) waiting.shift();
}

function entry(content, kind) {
  const element = document.createElement("div");
  element.className = kind;
  element.dir = "auto";
  element.dataset.time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  element.textContent = content;
  return element;
}

function flush() {
  log.append(...waiting.splice(0));
  const surplus = log.childElementCount - LINES;
  if (surplus > 0) {
    const before = log.scrollHeight;
    for (let i = 0; i < surplus; i++) log.firstChild.remove();
    log.scrollTop -= before - log.scrollHeight;
  }
  if (following) follow();
  else latest.hidden = false;
}

function follow() {
  log.scrollTop = log.scrollHeight;
  latest.hidden = true;
}

log.addEventListener("scroll", () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 32;
  if (following) latest.hidden = true;
}, { passive: true });
latest.addEventListener("click", () => { follow(); text.focus(); });
// A phone's keyboard takes half of the log: the end stays in sight.
new ResizeObserver(() => { if (following) follow(); }).observe(log);

// ── A connection that lasts ─────────────────────────────────────────────────

/**
 * Keeps a WebSocket to `path` open. After a loss it tries again, each time after a random part of a wait that
 * doubles, so that a thousand pages do not return in the same instant. The close codes in `final` end it.
 */
function keep(path, { final, connected, received, lost }) {
  const FIRST = 500, LONGEST = 15_000; // ms: the wait before another attempt
  const PATIENCE = 10_000; // for an attempt that neither opens nor fails
  const STABLE = 5_000; // a connection that held this long starts the waits anew

  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  let socket, timer, failures = 0, over = false;

  function connect() {
    clearTimeout(timer);
    let openedAt;
    socket = new WebSocket(url);
    timer = setTimeout(() => socket.close(), PATIENCE);
    socket.onopen = () => {
      clearTimeout(timer);
      openedAt = performance.now();
      connected();
    };
    socket.onmessage = ({ data }) => received(data);
    socket.onclose = ({ code, reason }) => {
      clearTimeout(timer);
      if (performance.now() - openedAt > STABLE) failures = 0;
      over = final.includes(code);
      lost(inWords(code, reason, openedAt), { wasOpen: openedAt !== undefined, over });
      if (!over) timer = setTimeout(connect, Math.random() * Math.min(LONGEST, FIRST * 2 ** failures++));
    };
  }

  connect();
  return {
    /** Returns whether there was a connection to send by. */
    send(data) {
      const open = socket.readyState === WebSocket.OPEN;
      if (open) socket.send(data);
      return open;
    },
    /** Ends the wait for another attempt; what is final ends only if `forced`. */
    retry(forced) {
      if (socket.readyState === WebSocket.CLOSED && (forced || !over)) connect();
    },
  };
}

function inWords(code, reason, opened) {
  const words = {
    1000: "the server said goodbye",
    1001: "the server went away",
    1008: "the server refused this page",
    1009: "the message was too large",
    1011: "the server had an error",
    1012: "the server restarted",
    1013: "the server could not keep this page up to date",
  }[code] ?? (opened === undefined ? "the server cannot be reached" : "the connection broke");
  return reason ? `${words} (${reason})` : words;
}

/** The network or the user is back: no need to wait. */
function wake(event) {
  if (document.hidden) return;
  document.title = title;
  unread = 0;
  for (const connection of [room, people]) connection.retry(event.type === "click");
  room.send(""); // means nothing to the room, but a connection that died in its sleep shows it
}
window.addEventListener("online", wake);
document.addEventListener("visibilitychange", wake);
$("retry").addEventListener("click", wake);
