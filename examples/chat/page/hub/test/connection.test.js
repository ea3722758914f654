// When the client connects, and when it does not: waits, ends, several servers, pings. The test is the server.

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { Socket, hub, newest, over, room, settled } from "./fake.js";

afterEach(over);

const messages = (log) => log.filter(([type]) => type === "message").map(([, { offset }]) => offset);

test("it returns after a wait that doubles up to a limit, and the first one is short again after a good connection", async () => {
  const it = hub("ws://a", { firstDelayMs: 100, longestDelayMs: 350 });
  const waits = [];
  it.on("state", ({ state, delayMs }) => state === "waiting" && waits.push(delayMs));
  for (let i = 0; i < 4; i++) {
    newest().ends(1006);
    mock.timers.tick(350);
  }
  assert.deepEqual(waits, [100, 200, 350, 350]);
  let now = performance.now();
  mock.method(performance, "now", () => now);
  await newest().opens();
  now += 6000;
  newest().ends(1006);
  assert.equal(waits.at(-1), 100);
});

test("the jitter is full: any part of the wait may be all of it", () => {
  const it = hub("ws://a", { firstDelayMs: 100 });
  mock.method(Math, "random", () => 0);
  newest().ends(1006);
  assert.equal(it.log.at(-1)[1].delayMs, 0);
});

test("it does not return before the server says", async () => {
  const it = hub("ws://a", { firstDelayMs: 100 });
  const socket = await newest().opens();
  socket.says({ type: "end", code: "draining", message: "going down", retry_after_ms: 2000 });
  socket.ends(1012, "going down");
  assert.equal(it.log.at(-1)[1].delayMs, 2100);
  it.wake();
  assert.equal(Socket.all.length, 1, "and nothing makes it hurry");
});

for (const code of ["replaced", "kicked", "abuse"]) {
  test(`an end with ${code} is final, until somebody opens it again`, async () => {
    const { hub: it, room: lobby, socket } = await room();
    const said = lobby.publish("x");
    socket.says({ type: "end", code, message: "why" });
    socket.ends(1006);
    assert.deepEqual([it.state, it.why.code, it.why.message], ["closed", code, "why"]);
    await assert.rejects(said, { code });
    await assert.rejects(lobby.publish("y"), { code });
    mock.timers.tick(100_000);
    assert.equal(Socket.all.length, 1);
    it.open();
    assert.ok((await newest().opens()).asked("join"));
  });
}

for (const [code, state] of Object.entries({
  1000: "closed", 1001: "waiting", 1006: "waiting", 1008: "closed", 1009: "closed", 1011: "waiting", 1012: "waiting",
  1013: "waiting", 4401: "waiting", 4403: "closed", 4409: "closed",
})) {
  test(`a close with ${code} leads to ${state}`, async () => {
    const it = hub();
    (await newest().opens()).ends(Number(code), "words");
    assert.equal(it.state, state);
    assert.deepEqual(it.why, { code, message: "words" });
  });
}

test("a connect that is refused for good is final, and one that is refused for now is tried again", async () => {
  for (const [code, state] of [["unauthorized", "closed"], ["too_many_connections", "waiting"]]) {
    const it = hub();
    newest().onopen();
    await settled();
    newest().refuses("connect", { code });
    assert.equal(it.state, state, code);
    over();
  }
});

test("why the last connection ended is heard from the next one, if the last could not say it", async () => {
  const it = hub();
  const socket = await newest().opens();
  socket.ends(1006);
  mock.timers.tick(500);
  await newest().opens({ previous: { code: "too_slow", message: "it did not read" } });
  assert.deepEqual(it.log.at(-1)[1], {
    state: "connected", why: { code: "too_slow", message: "it did not read" }, delayMs: undefined,
  });
});

test("where one server fails it goes to the next; one that worked is tried again first", async () => {
  hub(["ws://a", "ws://b", "ws://c"]);
  newest().ends(1006);
  mock.timers.tick(500);
  assert.equal(newest().url, "ws://b");
  (await newest().opens()).ends(1006);
  mock.timers.tick(1000);
  assert.equal(newest().url, "ws://b");
  const socket = await newest().opens();
  socket.says({ type: "end", code: "draining", message: "" });
  socket.ends(1012);
  mock.timers.tick(2000);
  assert.equal(newest().url, "ws://c");
});

test("the latency is a ping's, and who does not answer it is gone", async () => {
  const it = hub("ws://a", { pingMs: 100, timeoutMs: 50 });
  const latencies = [];
  it.on("latency", (latency) => latencies.push(latency));
  const socket = await newest().opens();
  socket.answers("ping");
  assert.equal(latencies.length, 1);
  mock.timers.tick(100);
  mock.timers.tick(50);
  assert.equal(socket.closed, 4000);
  assert.deepEqual([it.state, it.why.code], ["waiting", "timeout"]);
});

test("an attempt that neither opens nor fails is given up", () => {
  const it = hub("ws://a", { timeoutMs: 50 });
  mock.timers.tick(50);
  assert.deepEqual([it.state, it.why.code], ["waiting", "timeout"]);
});

test("who wakes up connects at once, and otherwise looks whether the connection still lives", async () => {
  const it = hub();
  newest().ends(1006);
  it.wake();
  assert.equal(Socket.all.length, 2);
  const socket = await newest().opens();
  socket.answers("ping");
  const before = socket.sent.length;
  it.wake();
  assert.equal(socket.sent[before].type, "ping");
});

test("a plug that is pulled stays so for its time, and nothing of the old connection is heard", async () => {
  const { hub: it, socket, log } = await room();
  const { onmessage } = socket;
  it.cut(5000);
  assert.equal(socket.closed, 4000);
  assert.equal(socket.onmessage, null);
  assert.ok(onmessage);
  it.wake();
  mock.timers.tick(4999);
  assert.equal(Socket.all.length, 1);
  mock.timers.tick(1);
  assert.equal(Socket.all.length, 2);
  assert.deepEqual(messages(log), []);
});

test("a goodbye closes in order, fails what waits, and is for good", async () => {
  const { hub: it, room: lobby, socket } = await room();
  const said = lobby.publish("x");
  it.close();
  assert.equal(socket.closed, 1000);
  await assert.rejects(said, { code: "closed" });
  mock.timers.tick(100_000);
  assert.equal(Socket.all.length, 1);
});
