// T33: the module of the checksums is what its generator makes, on every Node.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

import { describe, expect, it } from "vitest";

import { ROOT } from "../../scripts/project.mjs";

/** What `npm run wasm` prints. A saved hash state is of use to a module with the same state only: when that changes, so
 * must STATE_FORMAT in src/blobs/checksums.ts. */
const SHA256 = "a28c5b6e276ea83b197402d2d96ba6ac00ac722bb95120f047f665c28dd15aba";

const MAKE = `
  const { makeChecksums } = await import("./scripts/wasm/checksums.mjs");
  const bytes = makeChecksums();
  const isValid = WebAssembly.validate(bytes);
  process.stdout.write(JSON.stringify({ isValid, bytes: Buffer.from(bytes).toString("base64") }));`;

/** The Node that runs this, which scripts get from npm, and the others on the path: that of the host. */
const nodes = new Set(
  [
    process.execPath,
    ...(process.env["PATH"] ?? "").split(delimiter).map((path) => join(path, "node")),
  ]
    .filter((path) => existsSync(path))
    .map((path) => realpathSync(path)),
);

describe("checksums.wasm", () => {
  const file = readFileSync(join(ROOT, "src", "blobs", "wasm", "checksums.wasm"));

  it("is the module that hash states were saved with", () => {
    expect(createHash("sha256").update(file).digest("hex")).toBe(SHA256);
  });

  it.each([...nodes].map((node) => [execFileSync(node, ["--version"]).toString().trim(), node]))(
    "is made again, byte by byte, and is valid in Node %s",
    (_version, node) => {
      const args = ["--input-type=module", "--eval", MAKE];
      const made = JSON.parse(execFileSync(node, args, { cwd: ROOT }).toString());
      expect(made).toEqual({ isValid: true, bytes: file.toString("base64") });
    },
  );
});
