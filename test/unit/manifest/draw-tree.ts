// Trees for tests of properties.

import * as fc from "fast-check";

import type { NewFile } from "../../../src/manifest/members.ts";
import type { FileExtent } from "../../../src/protocol/entries.ts";
import { makeFile } from "./make-manifest.ts";

// Few segments, so that folders meet; around the slash and where UTF-16 sorts unlike UTF-8.
const segment = fc.constantFrom(
  "a",
  "a-",
  "a0",
  "b",
  "é",
  "\u{FFFD}",
  "🗄",
  "\u{FEFF}",
  "n".repeat(120),
);

/** Cuts a size into extents. */
function cut(size: number, parts: readonly { key: string | null; start: number }[]): FileExtent[] {
  const each = Math.ceil(size / parts.length);
  return parts.flatMap(({ key, start }, at): FileExtent[] => {
    const length = Math.min(each, size - at * each);
    if (length <= 0) {
      return [];
    }
    return key === null ? [{ key, start: 0, length }] : [{ key, start, length }];
  });
}

const extentStart = fc.record({
  key: fc.constantFrom("o/1", "o/2", "packs/9", null),
  start: fc.nat(10_000_000),
});

const file = fc
  .record({
    path: fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/")),
    size: fc.oneof(fc.nat(2_000), fc.constantFrom(0, 1, 8 * 1024 ** 3, 0xffff_ffff)),
    seed: fc.nat(1_000),
    parts: fc.array(extentStart, { minLength: 1, maxLength: 4 }),
    type: fc.option(fc.constantFrom("", "text/plain", "é")),
    isExecutable: fc.boolean(),
    modifiedAt: fc.option(fc.integer({ min: -1_000_000, max: 2_000_000_000_000 })),
    linkTarget: fc.option(fc.constantFrom("../x", "é"), { freq: 8 }),
  })
  .map(({ seed, parts, ...facts }): NewFile => {
    const base = makeFile(facts.path, facts.size, seed);
    return { ...base, ...facts, extents: cut(facts.size, parts) };
  });

/** Files that can be one tree, with everything that they may have. */
export const drawnTree = fc
  .uniqueArray(file, { selector: ({ path }) => path, maxLength: 12 })
  .map((files) =>
    files.filter(({ path }) => !files.some((other) => other.path.startsWith(`${path}/`))),
  );
