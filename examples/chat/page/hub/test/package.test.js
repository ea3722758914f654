// What would be published, and how large it is.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(folder + file);
const manifest = JSON.parse(read("package.json"));
const imports = (file) => [...String(read(file)).matchAll(/^(?:import|export) .* from "\.\/(.*)";$/gm)].map(([, name]) => name);

/** The module and all that it imports. */
function modules() {
  const found = new Set(["hub.js"]);
  for (const file of found) for (const name of imports(file)) found.add(name);
  return [...found];
}

test("hub.js is under 6 KB as it stands, and so is all that it imports, without comments and compressed", () => {
  const all = modules();
  assert.ok(all.includes("room.js") && all.includes("commands.js"), `${all}`);
  assert.ok(read("hub.js").length < 6144, `${read("hub.js").length} bytes`);
  const code = all.map((file) => String(read(file)).replace(/\/\*\*[^]*?\*\/|^ *\/\/.*$/gm, ""));
  const compressed = gzipSync(code.join("")).length;
  assert.ok(compressed < 6144, `${compressed} bytes`);
});

test("the package has all modules and its page, and neither tests nor a dependency", () => {
  const pack = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: folder, encoding: "utf8" });
  const files = JSON.parse(pack)[0].files.map(({ path }) => path);
  for (const file of [...modules(), "types.js", "README.md", "package.json"]) {
    assert.ok(files.includes(file), `no ${file} in ${files}`);
  }
  assert.deepEqual(files.filter((file) => /^(test|example)/.test(file)), []);
  assert.equal(manifest.dependencies, undefined);
});

test("the manifest says what a registry and a bundler want to know", () => {
  assert.equal(manifest.type, "module");
  assert.equal(manifest.exports["."].default, "./hub.js");
  assert.equal(manifest.exports["."].types, "./types/hub.d.ts", "what `prepack` makes");
  assert.match(manifest.scripts.prepack, /^tsc && cp .*LICENSE/);
  assert.equal(manifest.license, "MIT OR Apache-2.0");
  assert.equal(manifest.sideEffects, false);
  assert.equal(manifest.private, undefined);
});
