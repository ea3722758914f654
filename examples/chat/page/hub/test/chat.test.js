// The client on the real chat server, over real sockets.

import assert from "node:assert/strict";
import { test } from "node:test";

import { WebSocket, absent, next, serve, texts } from "./server.js";

const options = { skip: absent, timeout: 120_000 };
const is = (wanted) => ({ data }) => data.text === wanted;

test("two members talk: receipts, order, names, history and who is there", options, async (t) => {
  const server = await serve(t);
  const [ann, bob] = [server.member("Ann"), server.member("Bob")];
  const lobby = ann.join("lobby");
  await next(lobby, "joined");
  const heard = texts(lobby);
  const places = await Promise.all(["one", "two", "three"].map((text) => lobby.publish({ text })));
  const offsets = places.map(({ position }) => position.offset);
  assert.ok(offsets[0] < offsets[1] && offsets[1] < offsets[2], `${offsets}`);

  const seen = bob.join("lobby", { history: 50 });
  const old = texts(seen);
  await next(seen, "message", is("three"));
  assert.deepEqual(old, ["one", "two", "three"]);

  const said = next(lobby, "message", is("four"));
  await seen.publish({ text: "four" }, "my-key");
  const { from, key, replayed } = await said;
  assert.deepEqual([from.info.name, key, replayed], ["Bob", "my-key", false]);
  assert.deepEqual(heard, ["one", "two", "three", "four"]);
  while (lobby.users.size < 2) await next(lobby, "presence");
  const here = [...lobby.users.values()].map(({ info, devices }) => [info.name, devices]);
  assert.deepEqual(here.sort(), [["Ann", 1], ["Bob", 1]]);
  const last = await lobby.history(2);
  assert.deepEqual(last.map(({ data }) => data.text), ["three", "four"]);
});

test("who is cut off recovers all that was said meanwhile, in order and once, and nobody hears of it", options, async (t) => {
  const server = await serve(t);
  const [ann, bob] = [server.member("Ann"), server.member("Bob")];
  const [lobby, seen] = [ann.join("lobby"), bob.join("lobby")];
  await Promise.all([next(lobby, "joined"), next(seen, "joined")]);
  while (lobby.users.size < 2) await next(lobby, "presence");
  const left = [];
  lobby.on("presence", (change) => left.push(...change.left));
  const heard = texts(seen);
  await lobby.publish({ text: "before" });
  while (!heard.length) await next(seen, "message");

  const back = next(seen, "recovered");
  bob.cut(0);
  for (const text of ["one", "two", "three"]) await lobby.publish({ text });
  await lobby.publish({ text: "after" });
  const { count } = await back;
  while (heard.length < 5) await next(seen, "message");
  assert.deepEqual(heard, ["before", "one", "two", "three", "after"]);
  assert.ok(count <= 4, `${count}`);
  assert.deepEqual([bob.lost, bob.why.code], [0, "cut"]);
  assert.deepEqual(left, []);
});

test("what is recovered is what was said while the plug was pulled", options, async (t) => {
  const server = await serve(t);
  const [ann, bob] = [server.member("Ann"), server.member("Bob")];
  const [lobby, seen] = [ann.join("lobby"), bob.join("lobby")];
  await Promise.all([next(lobby, "joined"), next(seen, "joined")]);
  const back = next(seen, "recovered");
  bob.cut(3_600_000);
  for (const text of ["one", "two", "three"]) await lobby.publish({ text });
  bob.open();
  assert.deepEqual(await back, { count: 3 });
});

test("what is published while there is no connection, or just before it breaks, is said once and in order", options, async (t) => {
  const server = await serve(t, { config: UNLIMITED });
  const [ann, bob] = [server.member("Ann"), server.member("Bob")];
  const [lobby, seen] = [ann.join("lobby"), bob.join("lobby")];
  await Promise.all([next(lobby, "joined"), next(seen, "joined")]);
  const heard = texts(seen);
  const said = [];
  for (let number = 0; number < 60; number++) {
    said.push(lobby.publish({ text: `${number}` }));
    // Cut while answers are on their way: the server has some of these, and the client cannot know which.
    if (number % 20 !== 10) continue;
    await said[number - 5];
    ann.cut(0);
  }
  const receipts = await Promise.all(said);
  while (heard.length < 60) await next(seen, "message");
  await lobby.publish({ text: "end" });
  while (heard.at(-1) !== "end") await next(seen, "message");
  assert.deepEqual(heard, [...Array.from({ length: 60 }, (_, number) => `${number}`), "end"]);
  const offsets = receipts.map(({ position }) => position.offset);
  assert.deepEqual(offsets, offsets.toSorted((a, b) => a - b));
});

test("it comes back when the server does, to a room that begins anew, and says so", options, async (t) => {
  const server = await serve(t);
  const ann = server.member("Ann");
  const lobby = ann.join("lobby", { history: 10 });
  await next(lobby, "joined");
  const heard = texts(lobby);
  await lobby.publish({ text: "before" });
  const gone = next(ann, "state", ({ state }) => state === "waiting");
  await server.stop();
  assert.equal((await gone).why.code, "draining");
  const said = lobby.publish({ text: "in between" });

  const anew = next(lobby, "insufficient");
  await server.start();
  assert.deepEqual(await anew, { lost: undefined });
  await said;
  while (heard.length < 2) await next(lobby, "message");
  assert.deepEqual(heard, ["before", "in between"]);
});

test("who does not read is cut with the reason, and comes back", options, async (t) => {
  const server = await serve(t, { config: UNLIMITED });
  const sockets = [];
  class Tap extends WebSocket {
    constructor(url, protocol) {
      super(url, protocol, { perMessageDeflate: false }); // what all say alike would be next to nothing
      sockets.push(this);
    }
  }
  const [ann, bob] = [server.member("Ann"), server.member("Bob", { WebSocket: Tap, pingMs: 3_600_000 })];
  const [lobby, seen] = [ann.join("lobby"), bob.join("lobby", { history: 10 })];
  await Promise.all([next(lobby, "joined"), next(seen, "joined"), next(bob, "latency")]);
  const reasons = [];
  bob.on("state", ({ why }) => reasons.push(why?.code));
  sockets[0].pause();
  const text = "x".repeat(2000);
  const all = [];
  for (let number = 0; number < 6000; number++) {
    all.push(lobby.publish({ text }));
    if (number % 200 === 0) await all.at(-1);
  }
  await Promise.all(all);
  const back = next(seen, "joined");
  sockets[0].resume();
  await back;
  assert.ok(reasons.includes("too_slow"), `${reasons}`);
  const there = next(seen, "message", is("there you are"));
  await lobby.publish({ text: "there you are" });
  await there;
});

test("who opens one connection too many loses the oldest, which does not come back", options, async (t) => {
  const server = await serve(t);
  const oldest = server.member("Ann");
  await next(oldest, "state", ({ state }) => state === "connected");
  const closed = next(oldest, "state", ({ state }) => state === "closed");
  for (let number = 0; number < 5; number++) {
    await next(server.member("Ann"), "state", ({ state }) => state === "connected");
  }
  assert.equal((await closed).why.code, "replaced");
});

test("who talks too fast is told when to go on", options, async (t) => {
  const server = await serve(t);
  const lobby = server.member("Ann").join("lobby");
  const said = Array.from({ length: 30 }, (_, number) => lobby.publish({ text: `${number}` }));
  const refused = (await Promise.allSettled(said)).filter(({ status }) => status === "rejected");
  assert.ok(refused.length >= 1 && refused.length <= 20, `${refused.length} of 30`);
  for (const { reason } of refused) {
    assert.equal(reason.code, "rate_limited");
    assert.ok(reason.retryAfterMs > 0);
  }
});

test("where there are several servers it goes on at another one, and misses nothing", options, async (t) => {
  const server = await serve(t, { nodes: 3 });
  const [first, second] = server.urls();
  const [ann, bob] = [server.member("Ann", { urls: [first] }), server.member("Bob", { urls: [second, first] })];
  const [lobby, seen] = [ann.join("lobby"), bob.join("lobby", { history: 10 })];
  await Promise.all([next(lobby, "joined"), next(seen, "joined")]);
  const heard = texts(seen);
  const before = next(seen, "message", is("before"));
  await lobby.publish({ text: "before" });
  await before;

  const gone = next(bob, "state", ({ state }) => state === "waiting");
  const back = next(seen, "recovered");
  const port = new URL(second).port;
  await fetch(`http://localhost:${port}/nodes/${port}/stop`, { method: "POST" });
  assert.equal((await gone).why.code, "draining");
  const said = seen.publish({ text: "from here" });
  await lobby.publish({ text: "from there" });
  await Promise.all([back, said]);
  while (heard.length < 3) await next(seen, "message");
  assert.deepEqual(heard.toSorted(), ["before", "from here", "from there"]);
  assert.equal(bob.lost, 0);
});

// The chat's own limits are those of people.
const UNLIMITED = `
Host: localhost
Ws: { MaxMessageBytes: 16384 }
Hub: { MaxMessages: 256, History: { MaxMessages: 100 }, Presence: { Enabled: true } }
`;
