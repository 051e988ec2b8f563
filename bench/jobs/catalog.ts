// Work of the catalog: listings, declarations, small files, and the beginning of a large archive.

import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";

import type { Bench, Job } from "../bench.ts";
import { download, expectStatus, firstByte, load } from "../client.ts";
import { expectSame, sha256Of } from "../content.ts";
import { ENTRIES_A_FOLDER, pathOfEntry, storeHuge } from "../fixtures.ts";
import { memoryRow, runPairs, toRow } from "../measure.ts";
import type { Pairs } from "../measure.ts";
import { WORKSPACE } from "../stowage.ts";
import { sha256OfMembers } from "../unpack.ts";

const KiB = 1024;
const PAGE = 50;

const listing: Job = {
  name: "listing",
  async run(bench) {
    const folders = bench.scaled(100, 10);
    const { url } = await storeHuge(bench, folders);
    await bench.restart();
    const count = bench.scaled(1_000, 100);
    const pages = Math.floor((folders * ENTRIES_A_FOLDER) / PAGE);
    const listMany = async (address: string, accept: string) => {
      const loaded = await load(16, count, async () => {
        const page = randomInt(pages) + 1;
        const answer = await expectStatus(200, `${address}?page=${page}`, {
          headers: { Accept: accept },
        });
        // Which page it is, its first and its last entry tell.
        for (const entry of [(page - 1) * PAGE, page * PAGE - 1]) {
          expectSame(answer.body.includes(pathOfEntry(entry)), true, `page ${page} of ${address}`);
        }
      });
      return (count / loaded.ms) * 1000;
    };
    const { ours, bare } = bench.sides;
    const rows = [];
    for (const [form, accept] of Object.entries({ HTML: "text/html", JSON: "application/json" })) {
      const pairs = await runPairs(bench.sides, bench.rounds(4), {
        ours: () => listMany(ours.origin + url, accept),
        bare: () => listMany(`${bare.origin}/list/huge`, accept),
      });
      const title = `${form} pages of 100,000 files, 16 clients`;
      rows.push(
        toRow(title, "1/s", pairs, { of: "ours", atLeast: 200 }),
        ...memoryRow(title, pairs, 200),
      );
    }
    return rows;
  },
};

const beginnings: Job = {
  name: "first-byte",
  async run(bench) {
    const { url } = await storeHuge(bench, bench.scaled(100, 10));
    await bench.restart();
    const rows = [];
    for (const format of ["tar", "zip", "tar.gz"]) {
      const address = `${bench.sides.ours.origin}${url}?archive=${format}`;
      await firstByte(address); // of a new process
      const ours: number[] = [];
      for (let round = 0; round < bench.rounds(5); round += 1) {
        ours.push(await firstByte(address));
      }
      const title = `first byte of a ${format} of 100,000 files`;
      rows.push(toRow(title, "ms", { ours, bare: [] }, { of: "ours", atMost: 200 }));
    }
    return rows;
  },
};

interface Declared {
  type: "file";
  size: number;
  checksums: { sha256: string };
}

function toBody(files: Record<string, Declared>): string {
  return JSON.stringify({ category: "bench:files", workspace: WORKSPACE, files, data: {} });
}

function declare(size: number, sha256: string): Declared {
  return { type: "file", size, checksums: { sha256 } };
}

function pathOf(number: number): string {
  const text = String(number).padStart(6, "0");
  return `dir${text.slice(0, 4)}/file-${text}.txt`;
}

function createAt(bench: Bench, side: "ours" | "bare", body: string) {
  const { sides, stowage } = bench;
  const path = side === "ours" ? "/api/1.0/artifact/" : `/create/${randomUUID()}`;
  const headers = { Token: stowage.userToken, "Content-Type": "application/json" };
  return expectStatus(201, sides[side].origin + path, { method: "POST", headers, body });
}

const creation: Job = {
  name: "create",
  async run(bench) {
    const count = bench.scaled(20_000, 1_000);
    const createOnce = async (side: "ours" | "bare") => {
      const names = Array.from({ length: count }, (_, at) => pathOf(at));
      const files = Object.fromEntries(
        names.map((path) => [path, declare(1_000, randomBytes(32).toString("hex"))]),
      );
      const answer = await createAt(bench, side, toBody(files));
      const said = JSON.parse(answer.body.toString()) as { files: Record<string, Declared> };
      const hashes = (of: Record<string, Declared>) =>
        sha256Of(Buffer.from(names.map((name) => of[name]?.checksums.sha256).join()));
      expectSame(hashes(said.files), hashes(files), `files of the new artifact (${side})`);
      return answer.ms / 1000;
    };
    const pairs = await runPairs(bench.sides, bench.rounds(4), {
      ours: () => createOnce("ours"),
      bare: () => createOnce("bare"),
    });
    const title = "create of an artifact of 20,000 files";
    return [toRow(title, "s", pairs, { of: "ours", atMost: 2 }), ...memoryRow(title, pairs, 200)];
  },
};

/** Small files that are sent one by one. */
class SmallFiles {
  readonly #bench: Bench;
  readonly #count: number;

  constructor(bench: Bench, count: number) {
    this.#bench = bench;
    this.#count = count;
  }

  async ours(): Promise<number> {
    const { sides, stowage } = this.#bench;
    const contents = this.#makeContents();
    const files = Object.fromEntries(
      contents.map((bytes, at) => [pathOf(at), declare(bytes.length, sha256Of(bytes))]),
    );
    const { body } = await createAt(this.#bench, "ours", toBody(files));
    const { id } = JSON.parse(body.toString()) as { id: number };
    const headers = { Token: stowage.userToken };
    const speed = await this.#putAll(contents, (at) => ({
      url: `${sides.ours.origin}/api/1.0/artifact/${id}/files/${pathOf(at)}/`,
      headers,
    }));
    const archive = `${sides.ours.origin}/a/${id}/?archive=tar`;
    const { body: tar } = await download(archive, this.#count * 8 * KiB);
    const wanted = digestOf(contents);
    expectSame(sha256OfMembers("tar", tar, this.#count * 8 * KiB), wanted, "files that were put");
    return speed;
  }

  async bare(): Promise<number> {
    const { origin } = this.#bench.sides.bare;
    const contents = this.#makeContents();
    const prefix = `put-${randomUUID()}`;
    const speed = await this.#putAll(contents, (at) => ({
      url: `${origin}/put/${prefix}/${pathOf(at)}`,
      headers: {},
    }));
    const { body } = await download(`${origin}/archive/${prefix}/`, this.#count * 8 * KiB);
    expectSame(sha256Of(body), digestOf(contents), "files that were put on the bare Worker");
    return speed;
  }

  #makeContents(): Buffer[] {
    return Array.from({ length: this.#count }, (_, at) => randomBytes(KiB + (at % 8) * 512));
  }

  async #putAll(
    contents: readonly Buffer[],
    target: (at: number) => { url: string; headers: Record<string, string> },
  ): Promise<number> {
    const { ms } = await load(8, contents.length, async (at) => {
      const { url, headers } = target(at);
      await expectStatus(201, url, { method: "PUT", headers, body: contents[at] ?? "" });
    });
    return (contents.length / ms) * 1000;
  }
}

function digestOf(contents: readonly Buffer[]): string {
  const digest = createHash("sha256");
  contents.forEach((bytes) => digest.update(bytes));
  return digest.digest("hex");
}

const smallFiles: Job = {
  name: "put-small",
  async run(bench) {
    const runs = new SmallFiles(bench, bench.scaled(2_000, 100));
    const pairs: Pairs = await runPairs(bench.sides, bench.rounds(2), {
      ours: () => runs.ours(),
      bare: () => runs.bare(),
    });
    const title = "PUT of 2,000 files of 1 to 5 KiB, 8 clients";
    return [
      toRow(title, "1/s", pairs, { of: "ours", atLeast: 200 }),
      ...memoryRow(title, pairs, 200),
    ];
  },
};

export const catalogJobs: readonly Job[] = [listing, beginnings, creation, smallFiles];
