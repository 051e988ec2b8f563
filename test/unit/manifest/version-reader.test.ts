import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { comparePaths, numberEntries } from "../../../src/artifacts/numbering.ts";
import type { NumberedFile, NumberedFolder } from "../../../src/artifacts/numbering.ts";
import { encodeObject } from "../../../src/manifest/encode-object.ts";
import type { Entry, FileExtent, Measure, Sums } from "../../../src/manifest/entries.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import {
  collect,
  join,
  makeFile,
  makeManifest,
  openKept,
  OPTIONS,
  treeOf,
} from "./make-manifest.ts";

const RUNS = 10_000;

/** What today's numbering says of files: the rows in the order of their ordinals, and the sums up to each. */
function numberToday(files: readonly NewFile[]) {
  const sorted = files.toSorted((one, other) => comparePaths(one.path, other.path));
  const rows = [...numberEntries(sorted)].toSorted((one, other) => one.ordinal - other.ordinal);
  const sums: Sums[] = [];
  let last: Sums = { files: 0, bytes: 0, tar: 0, zip: 0, directory: 0, emptyFolders: 0 };
  for (const row of rows) {
    if (row.kind === "file") {
      const { fileNumber, tarEnd: tar, zipEnd: zip, directoryEnd: directory } = row;
      last = { ...last, files: fileNumber, bytes: last.bytes + row.file.size, tar, zip, directory };
    }
    sums.push(last);
  }
  return { rows, sums };
}

/** What a reader is to say of a row. */
function expectedOf(row: NumberedFile<NewFile> | NumberedFolder, sums: readonly Sums[]) {
  const { ordinal } = row;
  if (row.kind === "file") {
    return { kind: "file", ordinal, ...row.file, sums: sums[ordinal] };
  }
  const [before, after] = [sums[ordinal], sums[ordinal + row.entryCount]];
  const part = (name: keyof Sums) => (after?.[name] ?? 0) - (before?.[name] ?? 0);
  const below = {
    entries: row.entryCount,
    files: row.fileCount,
    bytes: row.totalBytes,
    tar: part("tar"),
    zip: part("zip"),
    directory: part("directory"),
    emptyFolders: 0,
  };
  return { kind: "folder", ordinal, path: row.path, before, below };
}

/** As today's statement finds a place (catalog/archive-files.ts): by halving the ordinals. */
function placeToday(
  sums: readonly Sums[],
  { after, last }: { after: number; last: number },
  { by, perFile }: Measure,
  position: number,
): number {
  let place = after;
  for (let step = 2 ** 16; step >= 1; step /= 2) {
    const there = sums[place + step];
    const isIn = place + step <= last && there !== undefined;
    if (isIn && there[by] + perFile * there.files <= position) {
      place += step;
    }
  }
  return place;
}

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

const tree = fc
  .uniqueArray(file, { selector: ({ path }) => path, maxLength: 12 })
  .map((files) =>
    files.filter(({ path }) => !files.some((other) => other.path.startsWith(`${path}/`))),
  );

const question = fc.record({
  by: fc.constantFrom("tar", "zip", "directory"),
  perFile: fc.constantFrom(0, 28),
  from: fc.nat(60),
  to: fc.nat(60),
  position: fc.oneof(fc.nat(60_000), fc.nat({ max: 2 ** 36 })),
});

/** An entry with the extents of a file instead of its place. */
async function described(reader: VersionReader, entry: Entry | null | undefined) {
  if (entry?.kind !== "file") {
    return entry;
  }
  const { place: _, ...facts } = entry;
  return { ...facts, extents: (await collect(reader.extents(entry))).flat() };
}

/** A manifest of files: whole in its row (0), or an object of blocks of so many entries. */
async function openTree(files: readonly NewFile[], mostEntries: number): Promise<VersionReader> {
  if (mostEntries === 0) {
    return openKept(await makeManifest(files)).reader;
  }
  const made = await encodeObject(treeOf(files), mostEntries, OPTIONS);
  return openKept({ row: made.index, object: join([...made.pieces()]) }).reader;
}

describe("VersionReader", () => {
  it("says of any tree what today's numbering and look-ups say", async () => {
    const blocks = fc.constantFrom(0, 1, 2, 5);
    const questions = fc.array(question, { minLength: 3, maxLength: 3 });
    const property = fc.asyncProperty(tree, blocks, questions, async (files, most, asked) => {
      const { rows, sums } = numberToday(files);
      const expected = rows.map((row) => expectedOf(row, sums));
      const reader = await openTree(files, most);
      const last = rows.length - 1;
      const paths = rows.map((row) => (row.kind === "file" ? row.file.path : row.path));
      const numbers = files.map((_, at) => at + 1);
      const walked = (await collect(reader.walk({ after: 0, last }))).flat();
      const places = asked.map(({ from, to, by, perFile, position }) => {
        const range = { after: Math.min(from, to, last), last: Math.min(Math.max(from, to), last) };
        return { range, measure: { by, perFile }, position };
      });
      const seen = {
        walked: await Promise.all(walked.map((entry) => described(reader, entry))),
        found: await Promise.all(
          paths.map(async (path) => described(reader, await reader.find(path))),
        ),
        missed: await Promise.all(
          paths
            .flatMap((path) => [`${path}\u0001`, path.slice(0, -1)])
            .map(async (path) => {
              const entry = await reader.find(path);
              return entry === null || paths.includes(path);
            }),
        ),
        numbered: await Promise.all(
          numbers.map(async (number) => described(reader, await reader.fileAt(number))),
        ),
        sums: await Promise.all(sums.map((_, ordinal) => reader.sums(ordinal))),
        places: await Promise.all(
          places.map(({ range, measure, position }) => reader.place(range, measure, position)),
        ),
        pages: await Promise.all(
          places.map(({ range }) => reader.page(range.after + 1, range.last)),
        ),
      };
      expect(seen).toEqual({
        walked: expected.slice(1),
        found: expected,
        missed: paths.flatMap(() => [true, true]),
        numbered: expected.filter(({ kind }) => kind === "file"),
        sums,
        places: places.map(({ range, measure, position }) =>
          placeToday(sums, range, measure, position),
        ),
        pages: places.map(({ range }) => walked.slice(range.after, range.last)),
      });
    });
    await fc.assert(property, { numRuns: RUNS });
  }, 600_000);
});
