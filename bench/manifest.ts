// `npm run bench:manifest`: what a manifest of 100,000 unsorted files takes, in bytes, in seconds of the processor and in
// a heap of 48 MB, where it ends with an error if that is not enough. A number takes as many files, another one behind it
// puts so many into an object.

import { createHash } from "node:crypto";

import { BlockCache } from "../src/manifest/block-cache.ts";
import { encodeManifest } from "../src/manifest/encode.ts";
import { NOTHING_LEFT_OUT } from "../src/manifest/left-out.ts";
import { Members, MemberWriter } from "../src/manifest/members.ts";
import { openManifest } from "../src/manifest/open-manifest.ts";
import { planTree } from "../src/manifest/tree.ts";
import { VersionReader } from "../src/manifest/version-reader.ts";

const [count = 100_000, filesOfPack = 0] = process.argv.slice(2).map(Number);
const PREFIX = "0b9f3f0e-5d0c-4a0c-9a63-8f7a0e5d1c2b";
/** What a CI job leaves: results, coverage, objects, traces. */
const KINDS = [
  { folder: "allure-results/data", ending: "json" },
  { folder: "coverage/lcov-report/src/components", ending: "html" },
  { folder: "build/objects", ending: "o" },
  { folder: "traces/screenshots", ending: "png" },
];

let peak = 0;
let heap = 0;
const sample = () => {
  const { heapUsed, external } = process.memoryUsage();
  heap = Math.max(heap, heapUsed);
  peak = Math.max(peak, heapUsed + external);
};

const pause = async () => sample();

/** Runs something and gives its seconds of the processor, which others on the machine do not make longer. */
async function timed<T>(work: () => T | Promise<T>): Promise<{ value: T; seconds: number }> {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { value, seconds: (user + system) / 1e6 };
}

function pathOf(number: number): string {
  const folder = Math.floor(number / 17);
  const { folder: top, ending } = KINDS[folder % KINDS.length] ?? { folder: "", ending: "" };
  const name = createHash("md5").update(String(number)).digest("hex").slice(0, 12);
  return `${top}/module-${folder % 97}/part-${folder}/${name}.${ending}`;
}

function collectMembers(): Members {
  const writer = new MemberWriter();
  for (let at = 0; at < count; at += 1) {
    const number = (at * 7_919) % count; // every one once, in no order
    const hash = new Uint8Array(createHash("sha512").update(String(number)).digest());
    const size = number % 50 === 0 ? 0 : 1 + (hash[0] ?? 0) ** 2;
    const pack = Math.floor(at / filesOfPack);
    const [key, start] =
      filesOfPack > 0
        ? [`packs/${PREFIX}/${pack}`, (at % filesOfPack) * 70_000]
        : [`uploads/${PREFIX}/1`, number * 70_000];
    writer.addFile({
      path: pathOf(number),
      size,
      crc32: number,
      sha256: new Uint8Array(createHash("sha256").update(hash).digest()),
      sha512: hash,
      extents: size === 0 ? [] : [{ key, start, length: size }],
      type: null,
      isExecutable: false,
      modifiedAt: null,
      linkTarget: null,
    });
  }
  return new Members(writer.takeChunks(), writer.keys);
}

function newSha256() {
  const hash = createHash("sha256");
  return {
    update: (bytes: Uint8Array) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.copy().digest()),
  };
}

const members = collectMembers();
sample();
const planned = await timed(() => planTree(members, { folders: 100_000, faults: 1, pause }));
sample();
if (!planned.value.ok) {
  throw new Error(`The files are no tree: ${JSON.stringify(planned.value.faults)}`);
}
const { tree } = planned.value;
const encoded = await timed(() =>
  encodeManifest(tree, {
    leftOut: NOTHING_LEFT_OUT,
    newSha256,
    pause,
  }),
);
const made = encoded.value;
if (made.kind === "inline") {
  throw new Error("Take more files: the manifest is in its row");
}
const object = new Uint8Array(made.length);
const sent = await timed(() => {
  let at = 0;
  for (const piece of made.pieces()) {
    object.set(piece, at);
    at += piece.length;
  }
});
const open = (cache: BlockCache | null) =>
  new VersionReader(
    openManifest(made.index, async (offset, length) => object.slice(offset, offset + length)),
    cache?.of("manifest"),
  );
const walked = await timed(async () => {
  let files = 0;
  for await (const entries of open(null).walk({ after: 0, last: Number.MAX_SAFE_INTEGER })) {
    files += entries.filter(({ kind }) => kind === "file").length;
  }
  return files;
});
if (walked.value !== count) {
  throw new Error(`${walked.value} of ${count} files were read`);
}
const cache = new BlockCache();
const page = await open(cache).page(200, 400);
const paths = page.flatMap((entry) => (entry.kind === "file" ? entry.path : []));
const ROUNDS = 2_000;
const found = await timed(async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    await open(cache).find(paths[round % paths.length] ?? "");
  }
});
const MiB = 1024 * 1024;
const micro = (seconds: number, times: number) => `${((seconds * 1e6) / times).toFixed(1)} us`;
console.log(
  `${count} files, ${made.keys.length} objects: ${(made.length / count).toFixed(1)} bytes a file`,
);
console.log(`index ${made.index.length} bytes of ${made.length}`);
console.log(
  `in order ${micro(planned.seconds, count)}, made and checked ${micro(encoded.seconds, count)}, made again ${micro(sent.seconds, count)}, read ${micro(walked.seconds, count)} a file`,
);
console.log(`opened and found by path ${micro(found.seconds, ROUNDS)}, its block being kept`);
console.log(`heap ${(heap / MiB).toFixed(0)} MiB at most, ${(peak / MiB).toFixed(0)} with buffers`);
