import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { HashColumn, matchHashes } from "../../../src/manifest/hash-column.ts";
import { collect, hashOf, makeFile, makeManifest, openKept } from "./make-manifest.ts";

async function* piecesOf(bytes: Uint8Array, rows: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 12 * rows) {
    yield bytes.subarray(at, at + 12 * rows);
  }
}

const compare = (one: Uint8Array, other: Uint8Array) => (one.toHex() < other.toHex() ? -1 : 1);
// Few values, so that many are the same, and differ late.
const hash = fc
  .tuple(fc.constantFrom(0, 127, 128, 255), fc.constantFrom(0, 1, 255), fc.nat(2))
  .map(([first, seventh, ninth]) => {
    const bytes = new Uint8Array(32);
    bytes.set([first, 0, 0, 0, 0, 0, 0, seventh, ninth]);
    return bytes;
  });

describe("matchHashes()", () => {
  it("finds each file once of which the first eight bytes of the hash are looked for", async () => {
    const lists = fc.array(hash, { maxLength: 30 });
    const wantedOnes = fc.array(hash, { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(
        lists,
        wantedOnes,
        fc.integer({ min: 1, max: 9 }),
        async (hashes, some, rows) => {
          const column = new HashColumn(hashes.length);
          for (const [at, sha256] of hashes.entries()) {
            column.add(sha256, at + 1);
          }
          const wanted = some.toSorted(compare);
          const found = await collect(matchHashes(piecesOf(column.sorted(), rows), wanted));
          const beginnings = new Set(wanted.map((sha256) => sha256.toHex().slice(0, 16)));
          const expected = hashes.flatMap((sha256, at) =>
            beginnings.has(sha256.toHex().slice(0, 16)) ? [at + 1] : [],
          );
          expect(found.toSorted((one, other) => one - other)).toEqual(expected);
        },
      ),
    );
  });

  it("finds files of a manifest, which has a column from 32 files on", async () => {
    const files = Array.from({ length: 40 }, (_, at) => makeFile(`f${at}`, at, at));
    const { reader } = openKept(await makeManifest(files));
    const wanted = [3, 0, 17, 1_000].map((seed) => hashOf(seed, 32)).toSorted(compare);
    const found = await collect(matchHashes(reader.hashes(), wanted));
    const paths = await Promise.all(
      found.map(async (fileNumber) => (await reader.fileAt(fileNumber))?.path),
    );
    expect(new Set(paths)).toEqual(new Set(["f17", "f3"])); // f0 is empty
    const few = openKept(await makeManifest(files.slice(0, 31))).reader;
    expect(await collect(few.hashes())).toEqual([]);
  });
});
