import { afterEach, describe, expect, it } from "vitest";

import { encodeManifest } from "../../../src/manifest/encode.ts";
import type { FileExtent } from "../../../src/protocol/entries.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import {
  collect,
  join,
  makeFile,
  makeManifest,
  openAlone,
  openKept,
  OPTIONS,
  treeOf,
} from "./make-manifest.ts";

const limits = { ...LIMITS };
afterEach(() => {
  Object.assign(LIMITS, limits);
});

/** So many files that are not in folders. */
function manyFiles(count: number) {
  return Array.from({ length: count }, (_, at) =>
    makeFile(`f${String(at).padStart(6, "0")}`, (at % 5) * 1_000, at),
  );
}

/** The bytes that are kept of a version. */
function sizeOf({ row, object }: { row: Uint8Array; object: Uint8Array }): number {
  return object.length === 0 ? row.length : object.length;
}

describe("encodeManifest()", () => {
  it.each([0, 1, 2, 511, 512, 513, 1023, 1024, 1025, 1537])(
    "keeps %i files, across the borders of blocks",
    async (count) => {
      const files = manyFiles(count);
      const { reader, reads } = openKept(await makeManifest(files));
      expect(reader.root.below.entries).toBe(count);
      expect((await reader.page(1, count)).map(({ path }) => path)).toEqual(
        files.map(({ path }) => path),
      );
      expect(await reader.page(count + 1, count + 50)).toEqual([]);
      for (const at of [0, 510, 511, 512, 1023, 1024].filter((index) => index < count)) {
        const wanted = { path: files[at]?.path, ordinal: at + 1, sha256: files[at]?.sha256 };
        expect(await reader.find(files[at]?.path ?? "")).toMatchObject(wanted);
        expect(await reader.fileAt(at + 1)).toMatchObject(wanted);
        expect(await reader.page(at + 1, at + 1)).toMatchObject([wanted]);
        expect(await reader.find(`${files[at]?.path}-`)).toBeNull();
      }
      reads.length = 0;
      await reader.page(501, 550);
      expect(reads.length).toBe(count < 501 ? 0 : 1);
    },
  );

  it("makes blocks of more entries where there would be more of them than an index may have", async () => {
    Object.assign(LIMITS, { manifestBlocks: 4 });
    const exact = await makeManifest(manyFiles(2_048));
    const more = await makeManifest(manyFiles(2_049));
    expect(await blocksOf(exact)).toEqual([512, 512, 512, 512]);
    expect(await blocksOf(more)).toEqual([1024, 1024, 1]);
    const { reader } = openKept(more);
    expect(await reader.find("f002048")).toMatchObject({ ordinal: 2_049 });
  });

  it("keeps 1,024 blocks in an index of at most 64 KiB", async () => {
    const folder = "n".repeat(100);
    const files = manyFiles(1_024).map((file) => ({ ...file, path: `${folder}/${file.path}` }));
    Object.assign(LIMITS, { manifestBlock: 1 });
    const kept = await makeManifest(files);
    expect(kept.row.length).toBeLessThanOrEqual(64 * 1024);
    const { reader, reads } = openKept(kept);
    expect((await blocksOf(kept)).length).toBe(1_025);
    expect(await reader.find(`${folder}/f000777`)).toMatchObject({ ordinal: 779 });
    expect(reads.length).toBe(1);
  });

  it("makes blocks of more entries until the index fits the row", async () => {
    const files = Array.from({ length: 3_000 }, (_, at) =>
      makeFile(`${String(at % 1_500).padStart(5, "0")}${"/xxxxxxxxx".repeat(30)}/${at}`, 1, at),
    );
    Object.assign(LIMITS, { manifestIndex: 8_000, manifestBlock: 512 * 1024 });
    const kept = await makeManifest(files);
    expect(kept.row.length).toBeLessThanOrEqual(8_000);
    const { reader } = openKept(kept);
    expect(await reader.find(files[77]?.path ?? "")).toMatchObject({ sha512: files[77]?.sha512 });
  });

  it("ends a block before it has more than 256 KiB, whatever the paths", async () => {
    const files = manyFiles(1_024).map((file, at) => ({
      ...file,
      path: `${"x".repeat(20)}${"y".repeat(at % 900)}/${file.path}`,
    }));
    const kept = await makeManifest(files);
    const { reader, reads } = openKept(kept);
    const walked = (await collect(reader.walk({ after: 0, last: 1e9 }))).flat();
    expect(walked.length).toBe(1_924);
    expect(Math.max(...reads.map(({ length }) => length))).toBeLessThanOrEqual(1024 * 1024);
    reads.length = 0;
    await reader.find(files[1_023]?.path ?? "");
    expect(reads[0]?.length).toBeLessThanOrEqual(256 * 1024);
  });

  it("keeps what has up to 4 KiB whole in the row, and one byte more as an object", async () => {
    const base = Array.from({ length: 30 }, (_, at) => makeFile(`f${at}`, 1, at));
    const fill = (length: number) => makeManifest([...base, makeFile("z".repeat(length), 0)]);
    const long = (await fill(500)).row.length;
    const exact = await fill(500 + 4096 - long);
    const over = await fill(500 + 4096 - long + 1);
    expect([exact.row.length, exact.object.length]).toEqual([4096, 0]);
    expect(over.object.length).toBeGreaterThan(4096);
    for (const kept of [exact, over]) {
      const { reader, reads } = openKept(kept);
      expect(await reader.find("f7")).toMatchObject({ sha256: base[7]?.sha256 });
      expect(reads.length).toBe(kept === exact ? 0 : 1);
    }
  });

  it("takes about 200 bytes for a version of one file", async () => {
    const file = makeFile("report.tar.zst", 123_456_789);
    const key = "uploads/0b9f3f0e-5d0c-4a0c-9a63-8f7a0e5d1c2b/1";
    const { row, keys } = await makeManifest([
      { ...file, extents: [{ key, start: 0, length: file.size }] },
    ]);
    expect(keys).toEqual([key]);
    expect(row.length).toBeLessThan(200);
  });

  it("gives the same bytes each time, of the length and hash that it said", async () => {
    const made = await encodeManifest(await treeOf(manyFiles(2_000)), OPTIONS);
    if (made.kind !== "object") {
      throw new Error("It is in the row");
    }
    const [one, other] = [join([...made.pieces()]), join([...made.pieces()])];
    expect(one).toEqual(other);
    expect(one.length).toBe(made.length);
    const digest = await crypto.subtle.digest("SHA-256", one);
    expect(made.sha256).toEqual(new Uint8Array(digest));
    const before = await crypto.subtle.digest("SHA-256", one.subarray(0, -40));
    expect(one.subarray(-36, -4)).toEqual(new Uint8Array(before));
  });

  it("gives the same manifest for members in any order", async () => {
    const files = manyFiles(600);
    expect(await makeManifest(files.toReversed())).toEqual(await makeManifest(files));
  });

  it("can be read without the row", async () => {
    const files = manyFiles(700);
    const alone = await openAlone((await makeManifest(files)).object);
    expect(await alone.find("f000699")).toMatchObject({ ordinal: 700 });
  });

  it("costs nothing for modes, times, links and types that no file has, and little for those that some have", async () => {
    const files = manyFiles(512);
    const plain = sizeOf(await makeManifest(files));
    const changed = async (change: object, every: number) =>
      sizeOf(
        await makeManifest(
          files.map((file, at) => (at % every === 0 ? { ...file, ...change } : file)),
        ),
      ) - plain;
    expect(await changed({ isExecutable: true }, 1)).toBeLessThan(70);
    expect(await changed({ modifiedAt: 1_700_000_000_000 }, 1)).toBeLessThan(525);
    expect(await changed({ type: "text/plain" }, 1)).toBeLessThan(535);
    expect(await changed({ linkTarget: "x" }, 100)).toBeLessThan(25);
  });

  it("keeps folders that are empty, numbered like others", async () => {
    const files = [makeFile("a-b", 1), makeFile("a/x/1", 2), makeFile("c", 3)];
    const { reader } = openKept(await makeManifest(files, ["a", "b/empty", "a/x", "b/empty"]));
    const entries = await reader.page(1, 10);
    expect(entries.map(({ path }) => path)).toEqual([
      "a-b",
      "a/",
      "a/x/",
      "a/x/1",
      "b/",
      "b/empty/",
      "c",
    ]);
    expect(await reader.find("b/empty/")).toMatchObject({
      ordinal: 6,
      below: { entries: 0, files: 0 },
    });
    expect(reader.root.below).toMatchObject({ entries: 7, files: 3, bytes: 6, emptyFolders: 1 });
    expect(await reader.find("b/")).toMatchObject({ below: { entries: 1, emptyFolders: 1 } });
    expect([await reader.sums(5), await reader.sums(6)]).toMatchObject([
      { emptyFolders: 0 },
      { emptyFolders: 1 },
    ]);
    const only = openKept(await makeManifest([], ["x"])).reader;
    expect(await only.page(1, 2)).toMatchObject([{ path: "x/", below: { entries: 0 } }]);
  });

  it("keeps what was left out, by name and in number", async () => {
    const leftOut = {
      count: 1_000_000,
      named: [
        { path: new Uint8Array([0xff, 0x2f, 0x61]), reason: "is not Unicode text" },
        { path: new TextEncoder().encode("dev/null"), reason: "is a device" },
        { path: new TextEncoder().encode("dev/zero"), reason: "is a device" },
      ],
    };
    for (const files of [[], manyFiles(100)]) {
      const { reader } = openKept(await makeManifest(files, [], { leftOut }));
      expect(await reader.leftOut()).toEqual(leftOut);
    }
    expect(await openKept(await makeManifest([])).reader.leftOut()).toEqual({
      count: 0,
      named: [],
    });
  });

  it("keeps lists of extents, with runs of zeros, of which a range reads a piece", async () => {
    const extents = Array.from({ length: 20_000 }, (_, at): FileExtent =>
      at % 7 === 0
        ? { key: null, start: 0, length: 1_000 + at }
        : { key: `o/${at % 3}`, start: at * 10_000, length: 1_000 + (at % 100) },
    );
    const size = extents.reduce((sum, { length }) => sum + length, 0);
    const file = { ...makeFile("image", size), extents };
    const kept = await makeManifest([file]);
    expect(kept.keys).toEqual(["o/0", "o/1", "o/2"]);
    expect(sizeOf(kept)).toBeLessThan(9 * 20_000);
    const { reader, reads } = openKept(kept);
    const entry = await reader.fileAt(1);
    if (entry === null) {
      throw new Error("The file is not there");
    }
    expect((await collect(reader.extents(entry))).flat()).toEqual(extents);
    reads.length = 0;
    const middle = Math.floor(size / 2);
    const some = (await collect(reader.extents(entry, middle, middle + 10))).flat();
    expect(some.reduce((sum, { length }) => sum + length, 0)).toBe(10);
    expect(reads.length).toBe(2);
    expect(reads[1]?.length).toBeLessThan(4_000);
    expect(await collect(reader.extents(entry, size, size + 10))).toEqual([]);
  });

  it("names the keys of all objects, those of lists too, and no others", async () => {
    const one = { ...makeFile("one", 5), extents: [{ key: "z", start: 0, length: 5 }] };
    const two = {
      ...makeFile("two", 5),
      extents: [
        { key: "b", start: 0, length: 2 },
        { key: "a", start: 9, length: 3 },
      ],
    };
    for (const files of [
      [one, two],
      [one, two, ...manyFiles(50)],
    ]) {
      const kept = await makeManifest(files);
      const used = files.length > 2 ? ["a", "b", "o/1", "z"] : ["a", "b", "z"];
      expect(kept.keys).toEqual(used);
      expect(await openKept(kept).reader.keys()).toEqual(used);
    }
  });
});

/** How many entries each block has. */
async function blocksOf(kept: { row: Uint8Array; object: Uint8Array }): Promise<number[]> {
  const { reader } = openKept(kept);
  return (await collect(reader.walk({ after: 0, last: 1e9 }))).map(({ length }) => length);
}
