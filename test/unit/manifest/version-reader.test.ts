import * as fc from "fast-check";
import { describe, expect, inject, it } from "vitest";

import { encodeObject } from "../../../src/manifest/encode-object.ts";
import type { Entry, Measure, Sums } from "../../../src/manifest/entries.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import { comparePaths } from "../../../src/protocol/paths.ts";
import { numberEntries } from "../../support/numbering.ts";
import type { NumberedFile, NumberedFolder } from "../../support/numbering.ts";
import { drawnTree } from "./draw-tree.ts";
import { collect, join, makeManifest, openKept, OPTIONS, treeOf } from "./make-manifest.ts";

/** What today's numbering says of files: the rows in the order of their ordinals, and the sums up to each. */
function numberToday(files: readonly NewFile[]) {
  const sorted = files.toSorted((one, other) => comparePaths(one.path, other.path));
  const rows = [...numberEntries(sorted)].toSorted((one, other) => one.ordinal - other.ordinal);
  const sums: Sums[] = [];
  const last: Sums = { files: 0, bytes: 0, tar: 0, zip: 0, directory: 0, emptyFolders: 0 };
  for (const row of rows) {
    if (row.kind === "file") {
      last.files = row.fileNumber;
      last.bytes += row.file.size;
      last.tar = row.tarEnd;
      last.zip = row.zipEnd;
      last.directory = row.directoryEnd;
    }
    sums.push({ ...last });
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
  { by, perMember }: Measure,
  position: number,
): number {
  let place = after;
  for (let step = 2 ** 16; step >= 1; step /= 2) {
    const there = sums[place + step];
    const isIn = place + step <= last && there !== undefined;
    if (isIn && there[by] + perMember * there.files <= position) {
      place += step;
    }
  }
  return place;
}

const question = fc.record({
  by: fc.constantFrom("tar", "zip", "directory"),
  perMember: fc.constantFrom(0, 28),
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
  const made = await encodeObject(await treeOf(files), mostEntries, OPTIONS);
  return openKept({ row: made.index, object: join([...made.pieces()]) }).reader;
}

describe("VersionReader", () => {
  it("says of any tree what today's numbering and look-ups say", async () => {
    const blocks = fc.constantFrom(0, 1, 2, 5);
    const questions = fc.array(question, { minLength: 3, maxLength: 3 });
    const property = fc.asyncProperty(drawnTree, blocks, questions, async (files, most, asked) => {
      const { rows, sums } = numberToday(files);
      const expected = rows.map((row) => expectedOf(row, sums));
      const reader = await openTree(files, most);
      const last = rows.length - 1;
      const paths = rows.map((row) => (row.kind === "file" ? row.file.path : row.path));
      const numbers = files.map((_, at) => at + 1);
      const walked = (await collect(reader.walk({ after: 0, last }))).flat();
      const places = asked.map(({ from, to, by, perMember, position }) => {
        const range = { after: Math.min(from, to, last), last: Math.min(Math.max(from, to), last) };
        return { range, measure: { by, perMember }, position };
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
    await fc.assert(property, { numRuns: inject("trees") });
  }, 600_000);
});
