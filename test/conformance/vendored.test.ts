// T33: what is copied into the repository is what its packages hold.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { expect, it } from "vitest";

it.each([
  ["swagger-ui-bundle.js", "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2"],
  ["swagger-ui.css", "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d"],
])("%s is the file of swagger-ui-dist 5.35.0", (name, sha256) => {
  const file = readFileSync(new URL(`../../public/swagger-ui/${name}`, import.meta.url));
  expect(createHash("sha256").update(file).digest("hex")).toBe(sha256);
});

// A saved hash state is of use only to the binary that made it: when one of these changes, so must
// STATE_FORMAT in src/blobs/checksums.ts.
it.each([
  ["sha512", "74192e46a85fdbfb223f98c6701c492078bae21ea90d0fff5c803aaac9087b5d"],
  ["sha256", "7ad88dae37c322722a047435058ffc5e4f3315762c7114dfa740e5db6b474c87"],
  ["crc32", "c10bd664ec545cbcf1d3ab8b6704ecf6fd728e1d72630fc74e80427ed70e9d55"],
])(
  "%s.wasm is the binary that hash states were saved with, as hash-wasm ships it",
  (name, sha256) => {
    const binary = readFileSync(new URL(`../../src/blobs/wasm/${name}.wasm`, import.meta.url));
    expect(createHash("sha256").update(binary).digest("hex")).toBe(sha256);
    const bundle = readFileSync(
      new URL(`../../node_modules/hash-wasm/dist/${name}.umd.min.js`, import.meta.url),
      "utf8",
    );
    expect(bundle).toContain(binary.toString("base64"));
  },
);
