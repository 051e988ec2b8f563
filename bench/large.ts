// `npm run bench:large`: one file of 1 GiB (or SIZE_MIB) through a real server in three ways, compared with
// what sha512sum, sha256sum and zlib say; the time of a seal by size; the server's memory while a slow client
// reads an archive. A wrong byte ends it with an error. Takes some minutes and twice the size on disk.

import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { freePort, startLiveServer } from "../test/support/live-server.ts";
import type { LiveServer } from "../test/support/live-server.ts";

const MiB = 1024 * 1024;
const SIZE = Number(process.env["SIZE_MIB"] ?? 1024) * MiB;
const ARCHIVE = Math.min(SIZE, 256 * MiB);
const PART = 8 * MiB;
const SLOW_RATE = "2M";

interface Expected {
  sha512: string;
  sha256: string;
  crc32: string;
}

let cached: { token: string; until: number } = { token: "", until: 0 };
const folder = mkdtempSync(join(tmpdir(), "stowage-large-"));
const file = join(folder, "input.bin");
const server = await startLiveServer(join(folder, "state"), await freePort());
try {
  await run(server);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true });
}

async function run({ service, systemKey }: LiveServer): Promise<void> {
  const token = () => service.login("system", systemKey);
  writeRandomFile(file, SIZE);
  const expected = checksumsOf(file);
  const ways = {
    "64 MiB appends": () => appendAll(64 * MiB),
    "2 MiB appends": () => appendAll(2 * MiB),
    "random appends and truncates": appendAtRandom,
  };
  for (const [way, fill] of Object.entries(ways)) {
    const began = performance.now();
    const uuid = await fill();
    const took = (performance.now() - began) / 1000;
    await expectContent(uuid, way.replaceAll(" ", "-"), expected);
    report(
      `${SIZE / MiB} MiB in ${way}`,
      `${(SIZE / MiB / took).toFixed(0)} MiB/s, checksums agree`,
    );
  }
  await compareSeals();
  await measureArchive();

  /** Appends the file in pieces of one size. */
  async function appendAll(piece: number): Promise<string> {
    const uuid = await service.openUpload(await token());
    for (let offset = 0; offset < SIZE; offset += piece) {
      await append(uuid, offset, Math.min(piece, SIZE - offset));
    }
    return uuid;
  }

  /** Appends pieces of 1 byte to 20 MiB, and after every third goes back: to 0 once, then inside the tail,
   * to a part boundary, inside a part that is in R2, to where it is. */
  async function appendAtRandom(): Promise<string> {
    const uuid = await service.openUpload(await token());
    let offset = 0;
    for (let round = 0; offset < SIZE; round += 1) {
      const piece = Math.min(randomInt(1, 20 * MiB + 1), SIZE - offset);
      await append(uuid, offset, piece);
      offset += piece;
      if (round % 3 === 2) {
        offset = placeToGoBackTo(offset, (round - 2) / 3);
        const response = await service.truncate(uuid, offset, await token());
        expectEqual(await response.text(), "null", `truncate to ${offset}`);
      }
    }
    return uuid;
  }

  async function append(uuid: string, offset: number, length: number): Promise<void> {
    const bytes = readPiece(file, offset, length);
    const response = await service.append(uuid, bytes, await cachedToken());
    expectEqual(await response.text(), String(offset + length), `append at ${offset}`);
  }

  async function expectContent(uuid: string, name: string, wanted: Expected): Promise<void> {
    const artifact = await service.convert(uuid, name, await token());
    const blob = await service.fetch(`/blobs/${artifact.blob_uuid}`, { bearer: await token() });
    const { sha512, sha256, crc32: crc } = (await blob.json()) as Expected;
    expectEqual(JSON.stringify({ sha512, sha256, crc32: crc }), JSON.stringify(wanted), name);
    const download = await service.fetch(`/a/${artifact.id}/${name}`, { bearer: await token() });
    const hash = createHash("sha512");
    for await (const chunk of download.body ?? []) {
      hash.update(chunk);
    }
    expectEqual(hash.digest("hex"), wanted.sha512, `download of ${name}`);
  }

  /** Seals of 10 MiB and of the whole size in turn; the median of each. */
  async function compareSeals(): Promise<void> {
    const times = { small: [] as number[], large: [] as number[] };
    for (let round = 0; round < 3; round += 1) {
      times.small.push(await timeSeal(10 * MiB, `small-${round}`));
      times.large.push(await timeSeal(SIZE, `large-${round}`));
    }
    const [small, large] = [median(times.small), median(times.large)];
    report("seal of 10 MiB", `${small.toFixed(0)} ms`);
    report(`seal of ${SIZE / MiB} MiB`, `${large.toFixed(0)} ms`);
  }

  async function timeSeal(size: number, name: string): Promise<number> {
    const uuid = await service.openUpload(await token());
    // Unlike any other content, so that no seal is spared by one that went before.
    await (await service.append(uuid, randomBytes(5), await token())).text();
    for (let offset = 0; offset < size - 5; offset += 64 * MiB) {
      const bytes = readPiece(file, offset, Math.min(64 * MiB, size - 5 - offset));
      await (await service.append(uuid, bytes, await cachedToken())).text();
    }
    const bearer = await token();
    const began = performance.now();
    await service.convert(uuid, name, bearer);
    return performance.now() - began;
  }

  /** The growth of all the server's processes while curl reads a tar.gz at 2 MB/s. */
  async function measureArchive(): Promise<void> {
    const uuid = await service.openUpload(await token());
    for (let offset = 0; offset < ARCHIVE; offset += 32 * MiB) {
      await (await service.append(uuid, readPiece(file, offset, 32 * MiB), await token())).text();
    }
    const { id } = await service.convert(uuid, "archive.bin", await token());
    const url = `${service.origin}/a/${id}/?archive=tar.gz`;
    await delay(2_000);
    const before = residentMiB(server);
    const began = performance.now();
    const output = join(folder, "out.tar.gz");
    const authorization = `Authorization: Bearer ${await token()}`;
    const options = ["-sS", "--fail", "--limit-rate", SLOW_RATE, "-o", output, "-H", authorization];
    const curl = spawn("curl", [...options, url]);
    let peak = before;
    while (curl.exitCode === null) {
      await delay(500);
      peak = Math.max(peak, residentMiB(server));
    }
    expectEqual(String(curl.exitCode), "0", "curl of the archive");
    const took = ((performance.now() - began) / 1000).toFixed(0);
    const listing = execFileSync("tar", ["xzOf", output], {
      maxBuffer: 2 * ARCHIVE,
    });
    const wanted = createHash("sha512")
      .update(readPiece(file, 0, ARCHIVE))
      .digest("hex");
    expectEqual(createHash("sha512").update(listing).digest("hex"), wanted, "archive");
    report(
      `tar.gz of ${ARCHIVE / MiB} MiB at 2 MB/s`,
      `memory ${before.toFixed(0)} -> ${peak.toFixed(0)} MiB (+${(peak - before).toFixed(0)}) in ${took} s`,
    );
  }

  async function cachedToken(): Promise<string> {
    if (performance.now() > cached.until) {
      cached = { token: await token(), until: performance.now() + 600_000 };
    }
    return cached.token;
  }
}

function placeToGoBackTo(offset: number, turn: number): number {
  const boundary = Math.floor(offset / PART) * PART;
  const places = [
    0,
    Math.max(boundary, offset - 3), // inside the tail
    boundary, // where a part ends
    Math.max(0, boundary - PART + 12_345), // inside a part in R2
    offset,
  ];
  // To 0 only once, or it would never end.
  return (turn === 0 ? places[0] : places[1 + (turn % 4)]) ?? offset;
}

function writeRandomFile(path: string, size: number): void {
  const handle = openSync(path, "w");
  for (let written = 0; written < size; written += 16 * MiB) {
    writeSync(handle, randomBytes(Math.min(16 * MiB, size - written)));
  }
  closeSync(handle);
}

function readPiece(path: string, offset: number, length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(length);
  const handle = openSync(path, "r");
  readSync(handle, bytes, 0, length, offset);
  closeSync(handle);
  return bytes;
}

function checksumsOf(path: string): Expected {
  const tool = (name: string) =>
    execFileSync(name, [path], { encoding: "utf8" }).split(" ")[0] ?? "";
  let crc = 0;
  for (let offset = 0; offset < SIZE; offset += 16 * MiB) {
    crc = crc32(readPiece(path, offset, Math.min(16 * MiB, SIZE - offset)), crc);
  }
  return {
    sha512: tool("sha512sum"),
    sha256: tool("sha256sum"),
    crc32: crc.toString(16).padStart(8, "0"),
  };
}

function residentMiB(live: LiveServer): number {
  let kilobytes = 0;
  for (const pid of live.pids()) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (/^Name:\s+workerd/mu.test(status)) {
        kilobytes += Number(/^VmRSS:\s+(\d+)/mu.exec(status)?.[1] ?? 0);
      }
    } catch {
      // The process ended between the two looks.
    }
  }
  return kilobytes / 1024;
}

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function expectEqual(actual: string, wanted: string, what: string): void {
  if (actual !== wanted) {
    throw new Error(`${what}: got ${actual}, wanted ${wanted}`);
  }
}

function report(what: string, result: string): void {
  console.log(`${what.padEnd(44)} ${result}`);
}
