// Artifacts of as many files as one may have, and a million files in ten of them. The bare Worker has no part: it keeps no list
// that could be filled, sealed or taken apart.

import { randomBytes, randomInt, randomUUID } from "node:crypto";

import { END, join, member } from "../../test/unit/archive/make-tar.ts";
import type { Bench, Job } from "../bench.ts";
import { expectStatus, firstByte, load } from "../client.ts";
import { expectSame, sha256Of } from "../content.ts";
import { ENTRIES_A_FOLDER, pathOfEntry, storeHugeMany } from "../fixtures.ts";
import { rounded, toRow } from "../measure.ts";
import type { Row } from "../measure.ts";
import { WORKSPACE } from "../stowage.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const PAGE = 50;
const WAIT_MS = 120_000;

/** Files of an artifact, and their bytes one behind the other. */
class Tree {
  readonly paths: string[];
  readonly #bytes: Buffer;

  constructor(count: number) {
    this.paths = Array.from({ length: count }, (_, at) => {
      const number = String(at).padStart(6, "0");
      return `build/${number.slice(0, 3)}/artifact-of-a-build-${number}.o`;
    });
    this.#bytes = randomBytes(count * 64);
  }

  content(at: number): Buffer {
    return this.#bytes.subarray(at * 64, at * 64 + 64);
  }

  sha256(at: number): string {
    return sha256Of(this.content(at));
  }

  /** As `sha256sum` writes it, in the order of paths. */
  sums(): string {
    return this.paths.map((path, at) => `${this.sha256(at)}  ${path}\n`).join("");
  }

  tar(): Buffer {
    const members = this.paths.map((path, at) => member({ name: path }, this.content(at)));
    return Buffer.from(join(...members, END));
  }
}

/** Asks until something is so; gives the milliseconds since `began`. */
async function waitFor(began: number, isSo: () => Promise<boolean>): Promise<number> {
  while (!(await isSo())) {
    if (performance.now() - began > WAIT_MS) {
      throw new Error("It does not come to an end");
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return performance.now() - began;
}

/** Takes a tar apart; gives the artifact's address, and the seconds. */
async function explode({ stowage }: Bench, tree: Tree) {
  const tar = tree.tar();
  const upload = await stowage.openUpload();
  const headers = await stowage.authorization();
  for (let at = 0; at < tar.length; at += 64 * MiB) {
    await expectStatus(200, upload, {
      method: "POST",
      headers,
      body: tar.subarray(at, at + 64 * MiB),
    });
  }
  const request = { upload_uuid: upload.slice(upload.lastIndexOf("/") + 1), explode: true };
  const began = performance.now();
  // A name of its own: of a new version there would be no state to wait for.
  const name = `exploded-${randomUUID()}`;
  const { body } = await expectStatus(200, `${stowage.origin}/artifacts/upload/${name}`, {
    method: "POST",
    headers,
    body: JSON.stringify(request),
  });
  const { id, uuid } = JSON.parse(body.toString()) as { id: number; uuid: string };
  const ms = await waitFor(began, async () => {
    const shown = await expectStatus(200, `${stowage.origin}/artifacts/${uuid}`, { headers });
    return (JSON.parse(shown.body.toString()) as { state: string }).state === "created";
  });
  return { address: `${stowage.origin}/a/${id}/`, seconds: ms / 1000 };
}

type Files = Record<string, { type: "file"; size: number; checksums: { sha256: string } }>;

/** Declares an artifact of files; gives its id, what is missing, and the seconds. */
async function declare({ stowage }: Bench, files: Files) {
  const answer = await expectStatus(201, `${stowage.origin}/api/1.0/artifact/`, {
    method: "POST",
    headers: { Token: stowage.userToken, "Content-Type": "application/json" },
    body: JSON.stringify({ category: "bench:many", workspace: WORKSPACE, files, data: {} }),
  });
  const { id, files_to_upload: missing } = JSON.parse(answer.body.toString()) as {
    id: number;
    files_to_upload: string[];
  };
  return { id, missing, seconds: answer.ms / 1000 };
}

function filesOf(tree: Tree, sha256: (at: number) => string): Files {
  return Object.fromEntries(
    tree.paths.map((path, at) => [
      path,
      { type: "file", size: 64, checksums: { sha256: sha256(at) } },
    ]),
  );
}

/** Declares what the workspace holds and one file more, then brings that; gives the seconds of both. */
async function declareAndSeal(bench: Bench, tree: Tree) {
  const { stowage } = bench;
  const last = randomBytes(77);
  const { [tree.paths[0] ?? ""]: _, ...held } = filesOf(tree, (at) => tree.sha256(at));
  const wanted = {
    type: "file" as const,
    size: last.length,
    checksums: { sha256: sha256Of(last) },
  };
  const { id, missing, seconds } = await declare(bench, { ...held, "z-last": wanted });
  expectSame(missing, ["z-last"], "files that are missing");
  const artifact = `${stowage.origin}/api/1.0/artifact/${id}/`;
  const headers = { Token: stowage.userToken };
  const began = performance.now();
  await expectStatus(201, `${artifact}files/z-last/`, { method: "PUT", headers, body: last });
  const sealed = await waitFor(began, async () => {
    const { body } = await expectStatus(200, artifact, { headers });
    const said = JSON.parse(body.toString()) as { files_to_upload: string[] };
    return said.files_to_upload.length === 0;
  });
  return { held: seconds, sealed: sealed / 1000 };
}

const life: Job = {
  name: "many-files",
  async run(bench) {
    const count = bench.scaled(100_000, 2_000);
    const figures = {
      exploded: [] as number[],
      sums: [] as number[],
      declared: [] as number[],
      held: [] as number[],
      sealed: [] as number[],
    };
    for (let round = 0; round < bench.rounds(3); round += 1) {
      const tree = new Tree(count);
      const unknown = filesOf(tree, () => randomBytes(32).toString("hex"));
      figures.declared.push((await declare(bench, unknown)).seconds);
      const { address, seconds } = await explode(bench, tree);
      figures.exploded.push(seconds);
      const sums = await expectStatus(200, `${address}?checksums=sha256`);
      expectSame(sha256Of(sums.body), sha256Of(Buffer.from(tree.sums())), "SHA256SUMS");
      figures.sums.push(sums.ms / 1000);
      const { held, sealed } = await declareAndSeal(bench, tree);
      figures.held.push(held);
      figures.sealed.push(sealed);
    }
    const rowOf = (ours: number[], title: string, atMost: number): Row =>
      toRow(title, "s", { ours, bare: [] }, { of: "ours", atMost });
    return [
      rowOf(figures.declared, "100,000 files declared", 2.5),
      rowOf(figures.exploded, "a tar of 100,000 files taken apart", 8),
      rowOf(figures.sums, "SHA256SUMS of 100,000 files", 0.8),
      toRow("100,000 files declared that the workspace holds", "s", {
        ours: figures.held,
        bare: [],
      }),
      rowOf(figures.sealed, "an artifact of 100,000 files sealed", 3),
    ];
  },
};

const million: Job = {
  name: "million",
  async run(bench) {
    const folders = bench.scaled(100, 10);
    const { ours } = bench.sides;
    const urls = await storeHugeMany(bench, 10, folders);
    await bench.restart();
    const anyUrl = () => ours.origin + (urls[randomInt(urls.length)] ?? "");
    const count = bench.scaled(1_000, 100);
    const pages = Math.floor((folders * ENTRIES_A_FOLDER) / PAGE);
    const listed = await load(16, count, async () => {
      const page = randomInt(pages) + 1;
      const { body } = await expectStatus(200, `${anyUrl()}?page=${page}`, {
        headers: { Accept: "application/json" },
      });
      expectSame(body.includes(pathOfEntry(page * PAGE - 1)), true, `page ${page}`);
    });
    const length = folders * (ENTRIES_A_FOLDER - 1) * 40 * KiB;
    const ranged = await load(16, count, async () => {
      const start = randomInt(length);
      const { body } = await expectStatus(206, `${anyUrl()}?archive=tar`, {
        headers: { Range: `bytes=${start}-${start + 4 * KiB - 1}` },
      });
      expectSame(body.length, 4 * KiB, "length of a range");
    });
    const begun: number[] = [];
    for (const url of urls) {
      begun.push(await firstByte(`${ours.origin}${url}?archive=tar`));
    }
    const speed = (ms: number) => [(count / ms) * 1000];
    const size = (await (await ours.db()).prepare("SELECT 1").run()).meta.size_after;
    return [
      toRow("JSON pages of a million files in ten artifacts, 16 clients", "1/s", {
        ours: speed(listed.ms),
        bare: [],
      }),
      toRow("ranges of 4 KiB of their tars, 16 clients", "1/s", {
        ours: speed(ranged.ms),
        bare: [],
      }),
      toRow("first byte of a tar of one of them", "ms", { ours: begun, bare: [] }),
      toRow("D1 with a million files", "MiB", { ours: [rounded(size / MiB)], bare: [] }),
    ];
  },
};

export const manyFilesJobs: readonly Job[] = [life, million];
