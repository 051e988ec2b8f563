// Manifests as an earlier revision of the code wrote them. They are read for ever: what is here is never changed, what a
// new revision writes is added.

import { describe, expect, it } from "vitest";

import type { Entry } from "../../../src/manifest/entries.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import { INLINE, INDEX, OBJECT } from "./golden-manifests.ts";
import { collect, hashOf, makeFile, makeManifest, openAlone, openKept } from "./make-manifest.ts";

const SMALL: NewFile[] = [
  { ...makeFile("bin/run", 5), isExecutable: true, modifiedAt: -1 },
  {
    ...makeFile("bin/so", 12),
    linkTarget: "../lib/é",
    extents: [
      { key: "o/2", start: 7, length: 4 },
      { key: null, start: 0, length: 3 },
      { key: "o/1", start: 1, length: 5 },
    ],
  },
  { ...makeFile("léer", 0), type: "text/plain", modifiedAt: 1_700_000_000_123 },
];
const MANY: NewFile[] = [
  ...SMALL,
  ...Array.from({ length: 37 }, (_, at) => ({
    ...makeFile(`many/${at}`, at * 1_000, at),
    extents: at === 0 ? [] : [{ key: `packs/${at % 3}`, start: at * 10_000, length: at * 1_000 }],
  })),
];
const EMPTY = ["bin", "empty/inner"];
const LEFT_OUT = {
  count: 9,
  named: [{ path: new Uint8Array([0x64, 0xff]), reason: "is not Unicode text" }],
};

async function readAll(reader: VersionReader) {
  const entries = (await collect(reader.walk({ after: 0, last: 1_000 }))).flat();
  const described = entries.map(async (entry: Entry) => {
    if (entry.kind === "folder") {
      return { path: entry.path, ...entry.below };
    }
    const { kind: _kind, place: _place, sums: _sums, ordinal: _ordinal, ...facts } = entry;
    return { ...facts, extents: (await collect(reader.extents(entry))).flat() };
  });
  return Promise.all(described);
}

function expectedOf(files: readonly NewFile[], folders: readonly object[]) {
  const all = [...files, ...folders] as { path: string }[];
  return all.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

const FOLDERS = [
  {
    path: "bin/",
    entries: 2,
    files: 2,
    bytes: 17,
    tar: 2048,
    zip: 108,
    directory: 123,
    emptyFolders: 0,
  },
  { path: "empty/", entries: 1, files: 0, bytes: 0, tar: 0, zip: 0, directory: 0, emptyFolders: 1 },
  {
    path: "empty/inner/",
    entries: 0,
    files: 0,
    bytes: 0,
    tar: 0,
    zip: 0,
    directory: 0,
    emptyFolders: 0,
  },
];
const FOLDER_OF_MANY = {
  path: "many/",
  entries: 37,
  files: 37,
  bytes: 666_000,
  tar: 693_248,
  zip: 667_692,
  directory: 2_284,
  emptyFolders: 0,
};

describe("a manifest of revision 1", () => {
  it("is read whole from its row", async () => {
    const { reader } = openKept({ row: Uint8Array.fromBase64(INLINE), object: new Uint8Array() });
    expect(await readAll(reader)).toEqual(expectedOf(SMALL, FOLDERS));
    expect(await reader.leftOut()).toEqual(LEFT_OUT);
    expect(await reader.keys()).toEqual(["o/1", "o/2"]);
  });

  it("is read from an object and its index", async () => {
    const kept = { row: Uint8Array.fromBase64(INDEX), object: Uint8Array.fromBase64(OBJECT) };
    for (const reader of [openKept(kept).reader, await openAlone(kept.object)]) {
      expect(await readAll(reader)).toEqual(expectedOf(MANY, [...FOLDERS, FOLDER_OF_MANY]));
      expect(await reader.leftOut()).toEqual(LEFT_OUT);
      expect(await reader.keys()).toEqual(["o/1", "o/2", "packs/0", "packs/1", "packs/2"]);
      expect((await collect(reader.hashes())).flatMap((piece) => [...piece]).length).toBe(38 * 12);
      expect(await reader.fileAt(40)).toMatchObject({ path: "many/9", sha256: hashOf(9, 32) });
    }
  });

  it("is what is written now", async () => {
    const inline = await makeManifest(SMALL, EMPTY, { leftOut: LEFT_OUT });
    const object = await makeManifest(MANY, EMPTY, { leftOut: LEFT_OUT });
    expect(inline.row.toBase64()).toBe(INLINE);
    expect(object.row.toBase64()).toBe(INDEX);
    expect(object.object.toBase64()).toBe(OBJECT);
  });
});
