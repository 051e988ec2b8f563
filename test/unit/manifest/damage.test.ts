// Manifests that were damaged, cut off or made by somebody hostile: an error of ours, or what was written, nothing else.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ByteWriter } from "../../../src/manifest/byte-writer.ts";
import { crc32 } from "../../../src/manifest/crc32.ts";
import { ManifestDamage } from "../../../src/manifest/damage.ts";
import { encodeObject } from "../../../src/manifest/encode-object.ts";
import { decodeListHead, decodeListPiece, encodeList } from "../../../src/manifest/lists.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import type { FileExtent } from "../../../src/protocol/entries.ts";
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

const MiB = 1024 * 1024;

const extents: FileExtent[] = Array.from({ length: 600 }, (_, at) =>
  at % 2 === 0
    ? { key: null, start: 0, length: 5 }
    : { key: `o/${at % 3}`, start: at * 20, length: 5 },
);
const FILES = [
  makeFile("a", 0),
  { ...makeFile("b/c", 5), isExecutable: true, modifiedAt: 1_700_000_000_123, type: "text/plain" },
  { ...makeFile("b/d/e", 3_000), extents },
  { ...makeFile("é/🗄", 7), linkTarget: "../a", type: "é" },
  ...Array.from({ length: 40 }, (_, at) => makeFile(`many/${at}`, at, at)),
];
const LEFT_OUT = { count: 3, named: [{ path: new Uint8Array([0xff]), reason: "is odd" }] };

/** Everything that a reader can be asked, in a form that can be compared; each is an answer or a ManifestDamage. */
async function askAll(reader: VersionReader): Promise<string[]> {
  const last = Math.min(reader.root.below.entries, 200);
  const questions = [
    async () => reader.root,
    () => collect(reader.walk({ after: 0, last })),
    () => reader.page(3, 9),
    () => reader.find("b/d/e"),
    () => reader.find("é/"),
    () => reader.find("nothing"),
    () => reader.fileAt(3),
    () => reader.fileAt(last),
    () => reader.sums(7),
    () => reader.place({ after: 0, last }, { by: "tar", perMember: 0 }, 5_000),
    () => reader.keys(),
    () => reader.leftOut(),
    () => collect(reader.hashes()),
    async () => {
      const file = await reader.fileAt(3);
      return file === null ? null : collect(reader.extents(file, 100, 2_000));
    },
  ];
  const answers: string[] = [];
  for (const question of questions) {
    answers.push(await answerOf(question));
  }
  return answers;
}

async function answerOf(question: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await question());
  } catch (error) {
    if (error instanceof ManifestDamage) {
      return "damaged";
    }
    throw error;
  }
}

/** Opens and asks; one answer where it cannot even be opened. */
async function ask(open: () => VersionReader | Promise<VersionReader>): Promise<string[]> {
  let reader: VersionReader | null = null;
  const opened = await answerOf(async () => {
    reader = await open();
    return "opened";
  });
  return reader === null ? [opened] : askAll(reader);
}

/** What happens to bytes: one is changed, some are cut out, doubled, or end them. */
const damage = fc.record({
  kind: fc.constantFrom("flip", "set", "cut", "double", "end"),
  at: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
  value: fc.integer({ min: 1, max: 255 }),
});
type Damage = { kind: string; at: number; value: number };

function damaged(bytes: Uint8Array, { kind, at, value }: Damage): Uint8Array {
  const place = Math.floor(at * bytes.length);
  switch (kind) {
    case "cut":
      return join([bytes.subarray(0, place), bytes.subarray(place + value)]);
    case "double":
      return join([bytes.subarray(0, place + value), bytes.subarray(place)]);
    case "end":
      return bytes.slice(0, place);
    default: {
      const changed = bytes.slice();
      changed[place] = kind === "set" ? value : (changed[place] ?? 0) ^ value;
      return changed;
    }
  }
}

/** Bytes with a CRC-32 at their end that is right, as somebody hostile makes it. */
function sealed(bytes: Uint8Array): Uint8Array {
  const content = bytes.subarray(0, -4);
  return join([content, new ByteWriter().u32(crc32(content)).view()]);
}

async function makeObject() {
  const made = await encodeObject(await treeOf(FILES), 16, { ...OPTIONS, leftOut: LEFT_OUT });
  return { row: made.index, object: join([...made.pieces()]) };
}

describe("a damaged manifest", () => {
  it("is told, whole in its row, whatever byte changed", async () => {
    const { row, object } = await makeManifest(FILES.slice(0, 4), ["empty"], { leftOut: LEFT_OUT });
    expect(object.length).toBe(0);
    for (let at = 1; at < row.length; at += 1) {
      const changed = row.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(await ask(() => openKept({ row: changed, object }).reader)).toEqual(["damaged"]);
    }
  });

  it("is told, or gives what was written, as an object", async () => {
    const kept = await makeObject();
    const right = await ask(() => openKept(kept).reader);
    expect(right).not.toContain("damaged");
    await fc.assert(
      fc.asyncProperty(damage, async (change) => {
        const object = damaged(kept.object, change);
        const answers = await ask(() => openKept({ row: kept.row, object }).reader);
        for (const [at, answer] of answers.entries()) {
          expect(["damaged", right[at]]).toContain(answer);
        }
        const alone = await ask(() => openAlone(object));
        if (alone.length > 1) {
          for (const [at, answer] of alone.entries()) {
            expect(["damaged", right[at]]).toContain(answer);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it("is told, or gives what was written, where the index is", async () => {
    const kept = await makeObject();
    await fc.assert(
      fc.asyncProperty(damage, async (change) => {
        const row = damaged(kept.row, change);
        const answers = await ask(() => openKept({ ...kept, row }).reader);
        const isSame =
          row.length === kept.row.length && row.every((byte, at) => byte === kept.row[at]);
        expect(isSame || answers.length === 1).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("never does anything else, not even with checksums that are right", async () => {
    const inline = await makeManifest(FILES.slice(0, 3), ["empty"], { leftOut: LEFT_OUT });
    const kept = await makeObject();
    const changes = fc.array(damage, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (all, isIndex) => {
        const row = sealed(all.reduce(damaged, isIndex ? kept.row : inline.row));
        const reads: { offset: number; length: number }[] = [];
        const answers = await ask(() => {
          const open = openKept({ row, object: kept.object });
          open.reads.push = (...made) => reads.push(...made);
          return open.reader;
        });
        expect(answers.length).toBeGreaterThan(0);
        expect(reads.length).toBeLessThan(300);
        expect(Math.max(0, ...reads.map(({ length }) => length))).toBeLessThanOrEqual(16 * MiB);
      }),
      { numRuns: 3_000 },
    );
  });

  it("gives no extents but those that are somewhere and have the bytes of the file, whatever a list says", () => {
    const { head, body } = encodeList(extents);
    const changes = fc.array(damage, { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(changes, changes, fc.boolean(), (ofHead, ofBody, isBody) => {
        const bytes = isBody ? ofBody.reduce(damaged, body) : body;
        try {
          const list = decodeListHead(sealed(ofHead.reduce(damaged, head)), 3_000, body.length);
          for (const piece of list.pieces) {
            const crc = isBody ? crc32(bytes) : piece.crc;
            const given = decodeListPiece(bytes, { ...piece, crc }, list.keys);
            expect(given.every(({ start, length }) => start >= 0 && length >= 0)).toBe(true);
            expect(given.reduce((sum, { length }) => sum + length, 0)).toBe(piece.size);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ManifestDamage);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("does not give a number past 2^53, or another form of one", async () => {
    const { row } = await makeManifest([makeFile("a", 1)]);
    const at = 1; // the revision of the layout
    for (const bytes of [
      [0x81, 0x00],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    ]) {
      const changed = sealed(
        join([row.subarray(0, at), Uint8Array.from(bytes), row.subarray(at + 1)]),
      );
      expect(await ask(() => openKept({ row: changed, object: new Uint8Array() }).reader)).toEqual([
        "damaged",
      ]);
    }
  });

  it("is told where it is from a newer service", async () => {
    const { row } = await makeObject();
    const newer = row.slice();
    newer[0] = 2;
    expect(() => openKept({ row: sealed(newer), object: row })).toThrow(
      "of a revision that is not known",
    );
  });
});
