import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { encodeObject } from "../../../src/manifest/encode-object.ts";
import type { Entry } from "../../../src/manifest/entries.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import { drawnTree } from "./draw-tree.ts";
import {
  collect,
  join,
  makeFile,
  makeManifest,
  openKept,
  OPTIONS,
  treeOf,
} from "./make-manifest.ts";
import { readObject, readRow } from "./read-by-the-page.ts";
import type { PlainEntry } from "./read-by-the-page.ts";

async function toPlain(reader: VersionReader, entry: Entry): Promise<PlainEntry> {
  const { path } = entry;
  if (entry.kind === "folder") {
    const { entries, files, bytes, tar, zip, directory, emptyFolders } = entry.below;
    return { path, folder: [entries, files, bytes, tar, zip, directory, emptyFolders] };
  }
  const crc = new Uint8Array(4);
  new DataView(crc.buffer).setUint32(0, entry.crc32, true);
  const extents = (await collect(reader.extents(entry))).flat();
  return {
    path,
    size: entry.size,
    extents: extents.map(({ key, start, length }) => [key, start, length]),
    hashes: [crc.toHex(), entry.sha256.toHex(), entry.sha512.toHex()],
    type: entry.type,
    executable: entry.isExecutable,
    time: entry.modifiedAt,
    link: entry.linkTarget,
  };
}

async function plainOf(reader: VersionReader): Promise<PlainEntry[]> {
  const entries = (await collect(reader.walk({ after: 0, last: 10_000 }))).flat();
  return Promise.all(entries.map((entry) => toPlain(reader, entry)));
}

describe("docs/manifest.md", () => {
  it("leads to a reader that makes the same of any manifest", async () => {
    const folders = fc.constantFrom([], ["zz/empty"], ["zz/1", "zz/2/3"]);
    await fc.assert(
      fc.asyncProperty(
        drawnTree,
        folders,
        fc.constantFrom(1, 3, 512),
        async (files, empty, most) => {
          const made = await encodeObject(await treeOf(files, empty), most, OPTIONS);
          const object = join([...made.pieces()]);
          expect(readObject(object)).toEqual(
            await plainOf(openKept({ row: made.index, object }).reader),
          );
          const kept = await makeManifest(files, empty);
          if (kept.object.length === 0) {
            expect(readRow(kept.row)).toEqual(await plainOf(openKept(kept).reader));
          }
        },
      ),
      { numRuns: 300 },
    );
  }, 120_000);

  it("tells of lists of several pieces", async () => {
    const extents = Array.from({ length: 600 }, (_, at) => ({
      key: `o/${at % 3}`,
      start: at * 9,
      length: 4,
    }));
    const kept = await makeManifest([{ ...makeFile("a", 2_400), extents }]);
    expect(readRow(kept.row)).toEqual(await plainOf(openKept(kept).reader));
    expect(readRow(kept.row)[0]?.extents?.length).toBe(600);
  });
});
