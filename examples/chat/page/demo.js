// What other chats hide: a cut, a member who does not read, a server that goes down.

import { $, counted, make, setText } from "./dom.js";
import * as profile from "./profile.js";
import { Sparkline } from "./sparkline.js";

const CUT_MS = 5000;

/** @param {import("./hub/hub.js").Hub} hub @param {() => import("./tab.js").Tab} current */
export function startPlug(hub, current) {
  const button = $("plug");
  button.addEventListener("click", async () => {
    button.disabled = true;
    // So that the others know; it is the one thing that they see of it.
    await current().room.publish({ text: `pulled the plug for ${CUT_MS / 1000} seconds`, action: true }).catch(() => {});
    hub.cut(CUT_MS);
    for (let left = CUT_MS / 1000; left > 0; left--) {
      setText(button.querySelector("span"), `Plugged in again in ${left} s`);
      await new Promise((done) => setTimeout(done, 1000));
    }
    setText(button.querySelector("span"), "Pull the plug");
    button.disabled = false;
  });
}

/** A second connection of this page stops reading, while this one measures what that costs it. */
export function startSlow(hub, server) {
  const [button, report, svg] = ["slow", "slow-report", "spark-slow"].map($);
  const sparkline = new Sparkline(svg, { size: 200, floor: 20 });
  $("dev").hidden = false;
  button.addEventListener("click", () => {
    button.disabled = true;
    sparkline.clear();
    svg.removeAttribute("hidden");
    report.dataset.state = "running";
    setText(report, "A member has stopped reading…");
    const latencies = [];
    let least = Infinity; // what the clocks of both ends differ by, and the shortest way
    const word = profile.random().slice(0, 12);
    const room = hub.join(`slow-${word}`);
    const socket = new WebSocket(`${server().replace(/^http/, "ws")}/slow/${word}`);
    room.on("message", ({ at }) => {
      least = Math.min(least, Date.now() - at);
      latencies.push(Date.now() - at - least);
      sparkline.add(latencies.at(-1));
      // Five times a second is enough to read, and leaves the time to measure.
      if (latencies.length % 10 === 0) setText(report, `It has not read ${counted(latencies.length, "message")}; this page has them all, ${p99()}.`);
    });
    const p99 = () => `99 of 100 within ${[...latencies].sort((a, b) => a - b)[Math.ceil(latencies.length * 0.99) - 1] ?? 0} ms`;
    socket.onclose = ({ code, reason }) => {
      room.leave();
      button.disabled = false;
      report.dataset.state = code === 1013 ? "done" : "failed";
      const outcome = code === 1013 ? `The hub let it go: ${reason}.` : `It ended otherwise: ${code} ${reason}`;
      setText(report, `${outcome} This page had all ${counted(latencies.length, "message")}, ${p99()}.`);
    };
  });
}

/** The servers of this demo, where there are several, and what stops one. */
export function startNodes(hub, nodes, connected) {
  $("nodes").hidden = nodes.length < 2;
  const buttons = nodes.map((node) => {
    const stop = make("button", { type: "button" }, "Stop");
    const item = make("li", { data: { port: node.port } }, make("span", {}, `Port ${node.port}`), stop);
    stop.ariaLabel = `Stop the server on port ${node.port}`;
    stop.addEventListener("click", async () => {
      // Not to be read, and so it may be another origin's; the server looks at ours.
      await fetch(`${node.http}/nodes/${node.port}/stop`, { method: "POST", mode: "no-cors" }).catch(() => {});
      node.isStopped = true;
      stop.disabled = true;
      setText(stop, "Stopped");
    });
    return item;
  });
  $("node-list").replaceChildren(...buttons);
  hub.on("state", () => {
    for (const item of buttons) item.classList.toggle("here", item.dataset.port === connected());
  });
}
