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
