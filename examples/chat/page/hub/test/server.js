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
export async function serve(test, { config, port = 0, args = [] } = {}) {
  const server = new Server(port, config, args);
  test.after(() => server.kill());
  await server.start();
  return server;
}

class Server {
  #members = [];
  #folder = mkdtempSync(join(tmpdir(), "hub-js-"));
  #args;
  #child;

  constructor(port, config, args) {
    this.port = port;
    this.#args = args;
    if (config) {
      const file = join(this.#folder, "chat.yaml");
      writeFileSync(file, config);
      this.#args = [...args, "--config", file];
    }
  }

  async start() {
    const args = ["--port", `${this.port}`, ...this.#args];
    this.#child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = await Promise.race([
      once(createInterface(this.#child.stdout), "line"),
      once(this.#child, "exit").then(([code]) => { throw new Error(`the chat ended with ${code}`); }),
    ]);
    this.ports = [...line.matchAll(/http:\/\/[^:]+:(\d+)/g)].map(([, port]) => Number(port));
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
  member(name, options = {}) {
    const token = `a secret of ${name}'s, long enough`;
    const hub = new Hub(this.urls(), {
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
