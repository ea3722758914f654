// What the hub counts, once a second while somebody looks.

import { $, make, setText } from "./dom.js";
import { Sparkline } from "./sparkline.js";

const EVERY_MS = 1000;

/** @param {() => string} server the URL of a node that answers */
export function start(server) {
  const panel = $("stats");
  const lines = { published: new Sparkline($("spark-published")), delivered: new Sparkline($("spark-delivered")) };
  let before;
  let timer;
  const look = async () => {
    clearTimeout(timer);
    if (!panel.open || document.hidden) return;
    try {
      const answer = await fetch(`${server()}/stats`, { signal: AbortSignal.timeout(2000) });
      const now = { ...await answer.json(), at: performance.now() };
      show(now, before, lines);
      before = now;
      panel.dataset.state = "live";
    } catch {
      panel.dataset.state = "stale";
    }
    timer = setTimeout(look, EVERY_MS);
  };
  panel.addEventListener("toggle", look);
  document.addEventListener("visibilitychange", look);
}

function show(now, before, lines) {
  for (const [id, value] of Object.entries({
    "stat-clients": now.clients,
    "stat-users": now.users,
    "stat-topics": now.topics,
    "stat-members": now.members,
    "stat-queued": now.loops.reduce((sum, { queued }) => sum + queued, 0),
    "stat-behind": now.queue_messages.p99,
    "stat-fanout": span(now.fanout_nanos.p99),
    "stat-lag": span(now.loop_lag_nanos.p99),
  })) setText($(id), typeof value === "number" ? value.toLocaleString("en") : value);
  setText($("stat-evicted"), Object.entries({ ...now.evicted, ...now.ended })
    .filter(([, count]) => count).map(([cause, count]) => `${cause} ${count}`).join(", ") || "none");
  if (before) {
    const seconds = (now.at - before.at) / 1000;
    const rate = (of) => Math.max(0, (of(now) - of(before)) / seconds);
    const rates = {
      published: rate((stats) => stats.published),
      delivered: rate((stats) => stats.delivered_by_loops + stats.delivered_by_tasks),
    };
    for (const [name, value] of Object.entries(rates)) {
      lines[name].add(value);
      setText($(`stat-${name}`), `${value.toFixed(value < 10 ? 1 : 0)}/s`);
    }
    $("loops").replaceChildren(...now.loops.map((loop, index) => bar(loop, before.loops[index], seconds, index)));
  }
}

/** How busy a loop is: what part of the time it tells members something. */
function bar(loop, before, seconds, index) {
  const busy = Math.min(1, Math.max(0, (loop.busy_nanos - (before?.busy_nanos ?? 0)) / 1e9 / seconds));
  const text = `${(busy * 100).toFixed(busy < 0.1 ? 1 : 0)} % · ${loop.members} in ${loop.topics}`;
  const meter = make("meter", { min: 0, max: 1, value: busy, ariaLabel: `Loop ${index + 1} busy` });
  return make("li", {}, make("span", {}, `Loop ${index + 1}`), meter, make("span", {}, text));
}

/** A time, of nanoseconds; it is rounded up to a power of two. */
function span(nanos) {
  if (!nanos) return "–";
  if (nanos < 1e6) return `≤ ${(nanos / 1e3).toFixed(nanos < 1e4 ? 1 : 0)} µs`;
  return nanos < 1e9 ? `≤ ${(nanos / 1e6).toFixed(1)} ms` : `≤ ${(nanos / 1e9).toFixed(1)} s`;
}
