// The chat server as a program, and its members. `ZEROXIDE_CHAT` says where it is, `ZEROXIDE_NODE_MODULES` where npm's `ws` is.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { Hub } from "../hub.js";

const { ZEROXIDE_CHAT: program, ZEROXIDE_NODE_MODULES: modules } = process.env;

/** Why there is no server, if so: for the test to say. */
export const absent = program && modules ? false : "ZEROXIDE_CHAT or ZEROXIDE_NODE_MODULES is not set";

export const WebSocket = modules && createRequire(`${modules}/`)("ws");

/** A running server, on a free port unless told otherwise. It ends with the test, and its members with it. */
export async function serve(test, { config, nodes = 1 } = {}) {
  const server = new Server(config, nodes);
  test.after(() => server.kill());
  await server.start();
  return server;
}

class Server {
  #members = [];
  #folder = mkdtempSync(join(tmpdir(), "hub-js-"));
  #nodes;
  #args;
  #child;
  port = 0;

  constructor(config, nodes) {
    this.#nodes = nodes;
    this.#args = nodes > 1 ? ["--nodes", `${nodes}`] : [];
    if (config) {
      const file = join(this.#folder, "chat.yaml");
      writeFileSync(file, config);
      this.#args.push("--config", file);
    }
  }

  async start() {
    const args = ["--port", `${this.port}`, ...this.#args];
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.ports = [];
    for await (const line of createInterface(this.#child.stdout)) {
      this.ports.push(Number(line.match(/:(\d+)/)[1]));
      if (this.ports.length === this.#nodes) break;
    }
    if (this.ports.length < this.#nodes) throw new Error("the chat ended at once");
    this.port = this.ports[0];
  }

  /** As Ctrl-C does. */
  async stop() {
    this.#child.kill("SIGINT");
    await once(this.#child, "exit");
  }

  urls() {
    return this.ports.map((port) => `ws://localhost:${port}/ws`);
  }

  /** A hub, of a user of this name. */
  member(name, { urls = this.urls(), ...options } = {}) {
    const token = `a secret of ${name}'s, long enough`;
    const hub = new Hub(urls, {
      WebSocket, hello: { token, data: { name } }, firstDelayMs: 20, longestDelayMs: 100, ...options,
    });
    this.#members.push(hub);
    return hub;
  }

  kill() {
    for (const member of this.#members) member.close();
    this.#child?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

/** The next event of this type, for which the condition holds. */
export function next(emitter, type, holds = (_) => true) {
  return new Promise((resolve) => {
    const stop = emitter.on(type, (detail) => {
      if (!holds(detail)) return;
      stop();
      resolve(detail);
    });
  });
}

/** All texts that come into a room, from now on, as a list that grows. */
export function texts(room) {
  const list = [];
  room.on("message", ({ data }) => data.text !== undefined && list.push(data.text));
  return list;
}
