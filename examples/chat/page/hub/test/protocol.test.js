// What the client does with each thing that a server can say, against a server that is the test itself.

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { HubError } from "../hub.js";
import { hub, newest, over, room, settled } from "./fake.js";

afterEach(over);

const messages = (log) => log.filter(([type]) => type === "message").map(([, { offset }]) => offset);
const of = (log, type) => log.filter(([is]) => is === type).map(([, detail]) => detail);

test("it offers the subprotocol, and the first command is connect with what the page says of itself", async () => {
  const it = hub("ws://a/ws", { hello: async () => ({ token: "t", data: { name: "ann" } }) });
  await newest().opens({ user: "ann" });
  assert.equal(newest().url, "ws://a/ws");
  assert.equal(newest().protocol, "zeroxide.hub.v1");
  assert.deepEqual(newest().sent[0], { type: "connect", id: 1, token: "t", data: { name: "ann" } });
  assert.equal(it.user, "ann");
  assert.equal(it.state, "connected");
});

test("a room's messages come once and in order, whatever the server repeats", async () => {
  const { socket, log } = await room({ offset: 7 });
  for (const offset of [8, 9, 9, 8, 11]) socket.message(offset);
  assert.deepEqual(messages(log), [8, 9, 11]);
});

test("history comes before what is new, and is told apart", async () => {
  const { socket, log } = await room({ offset: 7, history: 50 });
  assert.equal(socket.asked("join").history, 50);
  for (const offset of [5, 7, 8]) socket.message(offset);
  assert.deepEqual(of(log, "message").map(({ replayed }) => replayed), [true, true, false]);
});

test("after a cut it resumes where it has heard up to, and says how much it recovered", async () => {
  const { socket, log } = await room({ offset: 7 });
  socket.message(8);
  socket.ends(1006);
  mock.timers.tick(500);
  const next = await newest().opens();
  assert.equal(next.sent[0].resume, "word");
  assert.deepEqual(next.asked("join").since, { offset: 8, epoch: "e" });
  next.joins(11, { recovered: true });
  next.message(9);
  next.says({ type: "presence", topic: "lobby", offset: 10, version: 1, joined: [] });
  next.message(11);
  next.message(12);
  assert.deepEqual(messages(log), [8, 9, 11, 12]);
  assert.deepEqual(of(log, "recovered"), [{ count: 2 }]);
  assert.deepEqual(of(log, "insufficient"), []);
});

test("what is recovered is counted also if the last places were for others", async () => {
  const { socket, log } = await room({ offset: 7 });
  socket.ends(1006);
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(10, { recovered: true });
  next.message(8);
  assert.deepEqual(of(log, "recovered"), []);
  mock.timers.tick(300);
  assert.deepEqual(of(log, "recovered"), [{ count: 1 }]);
});

test("what the room no longer has is loaded as far as it goes, before what is new, and the loss is told", async () => {
  const { hub, socket, log } = await room({ offset: 7, history: 2 });
  socket.message(7);
  socket.ends(1006);
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(20);
  next.message(21);
  assert.equal(next.asked("history").limit, 2);
  const old = (offset) => ({ type: "message", topic: "lobby", offset, at: 0, data: "" });
  next.answers("history", { topic: "lobby", position: { offset: 21, epoch: "e" }, messages: [19, 20, 21].map(old) });
  assert.deepEqual(messages(log), [7, 19, 20, 21]);
  assert.deepEqual(of(log, "insufficient"), [{ lost: 11 }]);
  assert.equal(hub.lost, 11);
});

test("another epoch is another room: its numbers start anew, and what is lost cannot be known", async () => {
  const { hub, socket, log } = await room({ offset: 7 });
  socket.message(8);
  socket.ends(1012);
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(1, { position: { offset: 1, epoch: "f" } });
  next.message(2);
  assert.deepEqual(messages(log), [8, 2]);
  assert.deepEqual(of(log, "insufficient"), [{ lost: undefined }]);
  assert.equal(hub.lost, 0);
  next.ends(1006);
  mock.timers.tick(1000);
  assert.deepEqual((await newest().opens()).asked("join").since, { offset: 2, epoch: "f" });
});

test("a history of which nothing had come is asked for again", async () => {
  const { socket, log } = await room({ offset: 7, history: 5 });
  socket.ends(1006);
  mock.timers.tick(500);
  const next = await newest().opens();
  assert.equal(next.asked("join").history, 5);
  next.joins(9);
  for (const offset of [6, 7, 8, 9]) next.message(offset);
  assert.deepEqual(messages(log), [6, 7, 8, 9]);
  assert.deepEqual(of(log, "recovered"), [{ count: 2 }], "two of them were said meanwhile");
});

test("a gap is told, counted, and followed by a look at who is there", async () => {
  const { hub, room: lobby, socket, log } = await room({ offset: 7 });
  socket.says({ type: "gap", topic: "lobby", from: 8, to: 10 });
  assert.deepEqual(of(log, "gap"), [{ from: 8, to: 10 }]);
  assert.equal(hub.lost, 3);
  socket.answers("presence", { presence: { version: 9, users: [{ user: "bob", devices: 1 }] } });
  assert.deepEqual([...lobby.users.keys()], ["bob"]);
  socket.message(11);
  assert.deepEqual(messages(log), [11]);
});

test("a room that is numbered anew is followed from there, and resumed by the new position", async () => {
  const { hub, room: lobby, socket, log } = await room({ offset: 7 });
  socket.message(8);
  socket.says({ type: "reset", topic: "lobby", position: { offset: 0, epoch: "f" } });
  assert.deepEqual(of(log, "insufficient"), [{ lost: undefined }]);
  socket.answers("presence", { presence: { version: 1, users: [{ user: "bob", devices: 1 }] } });
  assert.deepEqual([...lobby.users.keys()], ["bob"]);
  socket.message(1);
  socket.message(1);
  assert.deepEqual(messages(log), [8, 1], "each once, by the new numbers");
  assert.equal(hub.lost, 0);
  socket.ends(1006);
  mock.timers.tick(500);
  assert.deepEqual((await newest().opens()).asked("join").since, { offset: 1, epoch: "f" });
});

test("presence is kept: who came, who has another number of devices, who left, each version once", async () => {
  const { room: lobby, socket, log } = await room({ offset: 7 });
  const [ann, bob] = [{ user: "ann", devices: 1 }, { user: "bob", devices: 1 }];
  const says = (offset, version, fields) =>
    socket.says({ type: "presence", topic: "lobby", offset, version, ...fields });
  says(8, 1, { joined: [ann, bob] });
  says(9, 2, { joined: [{ ...ann, devices: 2 }], left: ["bob"] });
  says(10, 2, { joined: [bob] });
  assert.deepEqual(of(log, "presence"), [
    { joined: [ann, bob], changed: [], left: [] },
    { joined: [], changed: [{ ...ann, devices: 2 }], left: ["bob"] },
  ]);
  assert.deepEqual([...lobby.users.values()], [{ ...ann, devices: 2 }]);
  says(11, 4, { joined: [bob] });
  assert.ok(socket.asked("presence"), "a version is missing: it looks who is there");
});

test("what was published is said again after a reconnect, in order and with its key, once the room is joined", async () => {
  const { room: lobby, socket } = await room();
  const said = [lobby.publish("one"), lobby.publish("two", "mine")];
  const keys = socket.sent.filter(({ type }) => type === "publish").map(({ key }) => key);
  assert.equal(keys[1], "mine");
  socket.ends(1006);
  said.push(lobby.publish("three"));
  mock.timers.tick(500);
  const next = await newest().opens();
  const again = () => next.sent.filter(({ type }) => type === "publish");
  assert.deepEqual(again(), []);
  next.joins(7, { recovered: true });
  assert.deepEqual(again().map(({ data }) => data), ["one", "two", "three"]);
  assert.deepEqual(again().slice(0, 2).map(({ key }) => key), keys);
  const position = { offset: 9, epoch: "e" };
  for (const { id } of again()) next.says({ type: "ok", id, topic: "lobby", position, duplicate: true });
  assert.ok((await Promise.all(said)).every(({ duplicate }) => duplicate));
});

test("a room that is numbered anew on the same connection does not repeat what is on its way", async () => {
  const { room: lobby, socket } = await room();
  const said = lobby.publish("x");
  socket.says({ type: "reset", topic: "lobby", position: { offset: 0, epoch: "f" } });
  assert.equal(socket.sent.filter(({ type }) => type === "publish").length, 1);
  socket.answers("publish", { position: { offset: 1, epoch: "f" } });
  assert.equal((await said).position.offset, 1);
});

test("what is sent and not published is neither answered nor repeated, nor sent without a connection", async () => {
  const { room: lobby, socket } = await room();
  lobby.send("typing");
  assert.deepEqual(socket.asked("publish"), { type: "publish", topic: "lobby", data: "typing" });
  socket.ends(1006);
  lobby.send("typing");
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(7, { recovered: true });
  assert.equal(next.asked("publish"), undefined);
});

test("a refusal fails with its code, its words and when to try again", async () => {
  const { room: lobby, socket } = await room();
  const said = lobby.publish("x");
  socket.refuses("publish", { code: "rate_limited", message: "too fast", retry_after_ms: 250 });
  await assert.rejects(said, (error) => {
    assert.ok(error instanceof HubError);
    assert.deepEqual([error.code, error.message, error.retryAfterMs], ["rate_limited", "too fast", 250]);
    return true;
  });
});

test("what a server that goes down refuses is said to the next one", async () => {
  const { room: lobby, socket } = await room();
  const said = lobby.publish("x");
  socket.refuses("publish", { code: "draining" });
  socket.says({ type: "end", code: "draining", message: "going down", retry_after_ms: 0 });
  socket.ends(1012);
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(7, { recovered: true });
  next.answers("publish", { position: { offset: 8, epoch: "e" } });
  assert.equal((await said).position.offset, 8);
});

test("a room that may be joined later is joined then; one that may not is left, and what waits for it fails", async () => {
  const it = hub();
  const [lobby, secret] = [it.join("lobby"), it.join("secret")];
  const left = [];
  secret.on("left", ({ code }) => left.push(code));
  const said = secret.publish("x");
  const socket = await newest().opens();
  const [first, second] = socket.sent.filter(({ type }) => type === "join");
  socket.says({ type: "error", id: first.id, code: "rate_limited", message: "", retry_after_ms: 400 });
  socket.says({ type: "error", id: second.id, code: "forbidden", message: "" });
  await assert.rejects(said, { code: "forbidden" });
  assert.deepEqual(left, ["forbidden"]);
  mock.timers.tick(400);
  assert.equal(socket.sent.filter(({ type }) => type === "join").length, 3);
  socket.joins(3);
  assert.equal(it.join("lobby"), lobby);
  assert.notEqual(it.join("secret"), secret);
});

test("a room that is left hears nothing more, and is not joined again", async () => {
  const { room: lobby, socket, log } = await room();
  lobby.leave();
  socket.message(8);
  assert.deepEqual(log, [["left", { code: "left" }]]);
  assert.ok(socket.asked("leave"));
  socket.ends(1006);
  mock.timers.tick(500);
  assert.equal((await newest().opens()).asked("join"), undefined);
});

test("a room out of which the server takes the client is left with the reason", async () => {
  const { socket, log } = await room();
  socket.says({ type: "left", topic: "lobby", code: "unsubscribed", message: "out" });
  assert.equal(of(log, "left")[0].code, "unsubscribed");
});

test("what waits for an answer is bounded, and does not keep the connection from coming back", async () => {
  const { room: lobby, socket } = await room({ maxUnanswered: 3 });
  socket.answers("ping");
  const said = Array.from({ length: 4 }, () => lobby.publish("x"));
  await assert.rejects(said[3], { code: "too_many" });
  socket.ends(1006);
  mock.timers.tick(500);
  const next = await newest().opens();
  next.joins(7, { recovered: true });
  assert.equal(next.sent.filter(({ type }) => type === "publish").length, 3);
});

test("a token that ends is refreshed", async () => {
  let count = 0;
  hub("ws://a", { hello: () => ({ token: `t${++count}` }) });
  const socket = await newest().opens();
  socket.says({ type: "expiring", in_ms: 30_000 });
  await settled();
  assert.equal(socket.asked("refresh").token, "t2");
});

test("who cannot say who it is tries again later", async () => {
  const it = hub("ws://a", { hello: async () => { throw new Error("no token to be had"); } });
  newest().onopen();
  await settled();
  assert.deepEqual([it.state, it.why.message], ["waiting", "Error: no token to be had"]);
});

test("what is said to this client alone, and what it does not know, reaches whoever listens", async () => {
  const it = hub();
  const socket = await newest().opens();
  socket.says({ type: "direct", data: "psst", at: 1 });
  socket.says({ type: "news", of: "tomorrow" });
  assert.deepEqual(it.log.at(-1), ["direct", { type: "direct", data: "psst", at: 1 }]);
});

test("a listener can stop listening", async () => {
  const { room: lobby, socket } = await room();
  const heard = [];
  const stop = lobby.on("message", ({ offset }) => heard.push(offset));
  socket.message(8);
  stop();
  socket.message(9);
  assert.deepEqual(heard, [8]);
});
