// No archive keeps the thread for itself: readers count what they do and come up for air, whatever its bytes say (T15,
// T36).

import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { TarWalk } from "../../../src/archive/tar-walk.ts";
import { Work } from "../../../src/archive/work.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { unpackAsTar } from "../../../src/uploads/unpack.ts";
import type { Packing } from "../../../src/uploads/unpack.ts";
import { HOSTILE_GZIPS, HOSTILE_TARS, HOSTILE_ZIPS } from "./hostile-archives.ts";
import { header, join } from "./make-tar.ts";
import { makeZip } from "./make-zip.ts";

/** What a reader may do in one go beyond a slice: a header of a megabyte, or a window of a zip. */
const STEP = LIMITS.explodePiece + LIMITS.tarHeaders;

/** What reading came to. */
interface Reading {
  work: Work;
  rests: number;
  /** Bytes of the tar that came out. */
  length: number;
  failure: unknown;
}

/** Reads a tar as an explosion does. */
async function* walkTar(tar: Uint8Array, work: Work): AsyncGenerator<Uint8Array> {
  const walk = new TarWalk(
    { begin: () => {}, bytes: () => {}, end: () => {}, beside: () => {} },
    work,
  );
  for (let at = 0; at < tar.length && !walk.isAtEnd; at += LIMITS.walkStep) {
    walk.push(tar.subarray(at, at + LIMITS.walkStep));
    yield tar.subarray(at, at + LIMITS.walkStep);
  }
  walk.finish();
}

/** A gzip of a tar whose only file has what `gzip` gives. */
function inFile(gzip: Uint8Array): Uint8Array {
  return join(new Uint8Array(gzipSync(header({ name: "f", size: 2 ** 30 }))), gzip);
}

function unpack(archive: Uint8Array, packing: Packing, work: Work, reads: number[] = []) {
  const read = async (offset: number, length: number) => {
    reads.push(length);
    return archive.slice(offset, offset + length);
  };
  return unpackAsTar({ size: archive.length, read }, packing, { from: 0, note: () => {}, work });
}

async function readAll(pieces: AsyncIterable<Uint8Array>, work: Work): Promise<Reading> {
  const reading: Reading = { work, rests: 0, length: 0, failure: null };
  try {
    for await (const bytes of pieces) {
      reading.length += bytes.length;
      work.allowFor(bytes.length);
      if (work.isDue) {
        reading.rests += 1;
        await work.rest();
      }
    }
  } catch (error) {
    reading.failure = error;
  }
  return reading;
}

function expectPaced({ work, rests, failure }: Reading): void {
  expect(work.longest).toBeLessThanOrEqual(LIMITS.workSlice + STEP);
  expect(rests).toBeGreaterThanOrEqual(Math.floor(work.spent / (LIMITS.workSlice + STEP)));
  expect(failure === null || failure instanceof ArchiveProblem).toBe(true);
}

beforeAll(() => {
  // On Cloudflare the clock stands still while a Worker computes.
  vi.spyOn(Date, "now").mockReturnValue(1_800_000_000_000);
});

afterAll(() => {
  vi.restoreAllMocks();
});

describe("work on a hostile archive", () => {
  it.each(Object.entries(HOSTILE_TARS))(
    "comes in short stretches in a tar of %s",
    async (_, make) => {
      const tar = make();
      const work = new Work(tar.length);
      const plain = await readAll(walkTar(tar, work), work);
      expectPaced(plain);
      expect(work.spent).toBeGreaterThanOrEqual(Math.min(tar.length, LIMITS.tarHeaders / 2));

      const packed = new Uint8Array(gzipSync(tar));
      const more = new Work(packed.length);
      const unpacked = await readAll(unpack(packed, "gzip", more), more);
      expectPaced(unpacked);
    },
  );

  it.each(Object.entries(HOSTILE_GZIPS))(
    "comes in short stretches in a gzip of %s",
    async (_, make) => {
      const gzip = inFile(make());
      const work = new Work(gzip.length);
      expectPaced(await readAll(unpack(gzip, "gzip", work), work));
      // About the whole of it, or as much as may say nothing.
      expect(work.spent).toBeGreaterThanOrEqual(Math.min(gzip.length, LIMITS.inflateIdle));
    },
  );

  it.each(Object.entries(HOSTILE_ZIPS))(
    "comes in short stretches in a zip of %s",
    async (_, make) => {
      const zip = make();
      const work = new Work(zip.length);
      const reads: number[] = [];
      expectPaced(await readAll(unpack(zip, "zip", work, reads), work));
      const sum = reads.reduce((bytes, length) => bytes + length, 0);
      // Its members and its directory.
      expect(sum).toBeLessThanOrEqual(
        LIMITS.zipReadFree + (LIMITS.zipReadRatio + 2) * zip.length + LIMITS.zipWindow,
      );
    },
  );

  it("is refused where a job that begins again and again has taken too much", async () => {
    const gzip = new Uint8Array(gzipSync(new Uint8Array(100_000)));
    const work = new Work(gzip.length, LIMITS.workFree + gzip.length * LIMITS.workPerByte - 1);
    const { failure } = await readAll(unpack(gzip, "gzip", work), work);
    expect(failure).toMatchObject({ message: "the archive takes too much work for its size" });
  });

  it.each([
    ["folders", "is behind the first 100000 folders"],
    ["labels", "is behind the first 100000 folders"],
    ["pax headers full of tiny records", "over 10000 records in a header"],
    ["a sparse member of many records", "is a sparse file whose map"],
  ])("is refused for %s", async (name, message) => {
    const tar = HOSTILE_TARS[name]?.() ?? new Uint8Array();
    const work = new Work(tar.length);
    const { failure } = await readAll(walkTar(tar, work), work);
    expect(String(failure)).toContain(message);
  });

  it("counts extended headers of all members", async () => {
    const { tarExtensions } = LIMITS;
    Object.assign(LIMITS, { tarExtensions: 5_000 });
    const tar = HOSTILE_TARS["a pax header for each member"]?.() ?? new Uint8Array();
    const work = new Work(tar.length);
    const { failure } = await readAll(walkTar(tar, work), work);
    Object.assign(LIMITS, { tarExtensions });
    expect(String(failure)).toContain("over 5000 extended headers");
  });

  it("counts members of a gzip", async () => {
    const { gzipMembers } = LIMITS;
    Object.assign(LIMITS, { gzipMembers: 5_000 });
    const gzip = inFile(HOSTILE_GZIPS["members of one byte"]?.() ?? new Uint8Array());
    const work = new Work(gzip.length);
    const { failure } = await readAll(unpack(gzip, "gzip", work), work);
    Object.assign(LIMITS, { gzipMembers });
    expect(String(failure)).toContain("over 5000 members");
  });
});

describe("the reads of a zip", () => {
  const files = Array.from({ length: 300 }, (_, n) => ({
    name: `f${n}`,
    data: String.fromCharCode(65 + (n % 26)).repeat(10_000),
    method: 0,
  }));

  it("are few where its members lie in order, and small where they do not", async () => {
    const counts = [];
    for (const isShuffled of [false, true]) {
      const zip = makeZip(files, { isShuffled });
      const work = new Work(zip.length);
      const reads: number[] = [];
      const { failure, length } = await readAll(unpack(zip, "zip", work, reads), work);
      expect(failure).toBeNull();
      expect(length).toBe(300 * (512 + 10_240) + 1024);
      counts.push(reads.length);
      expect(reads.reduce((bytes, count) => bytes + count, 0)).toBeLessThan(zip.length * 1.5);
    }
    expect(counts[0]).toBeLessThan(10);
    expect(counts[1]).toBeLessThan(310);
  });

  it("end where members lie over each other", async () => {
    const { zipReadFree } = LIMITS;
    Object.assign(LIMITS, { zipReadFree: 0 });
    // All entries are the first one, and one far away between them.
    const [one, other] = [files[0], files[299]];
    const zip = makeZip([
      ...files,
      ...Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? one : other)).map((file, n) => ({
        ...file,
        name: file?.name ?? "",
        offset: n % 2 === 0 ? 0 : 299 * 10_034,
      })),
    ]);
    const work = new Work(zip.length);
    const { failure } = await readAll(unpack(zip, "zip", work), work);
    Object.assign(LIMITS, { zipReadFree });
    expect(failure).toBeInstanceOf(ArchiveProblem);
  });
});

describe("what an archive may unpack to", () => {
  const claiming = (sizes: number[]) =>
    makeZip(sizes.map((size, n) => ({ name: `f${n}`, size, isWide: true })));
  /** Counts the bytes without unpacking any, as an explosion that goes on behind them does. */
  const count = async (zip: Uint8Array) => {
    const work = new Work(zip.length);
    const read = async (offset: number, length: number) => zip.slice(offset, offset + length);
    const terms = { from: Number.MAX_SAFE_INTEGER, note: () => {}, work };
    await Array.fromAsync(unpackAsTar({ size: zip.length, read }, "zip", terms));
  };

  it("is a GiB whatever its own size, and not much more", async () => {
    await count(claiming([2 ** 29, 2 ** 29 - 2 ** 20]));
    await expect(count(claiming([2 ** 29, 2 ** 29, 2 ** 20]))).rejects.toThrow(
      /unpacks to more than/u,
    );
  });
});
