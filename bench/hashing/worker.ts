// Makes the three checksums of as many pieces as it is asked for, in one of three ways, and gives them. Whoever asks
// takes the time: the clock of a Worker stands while it computes.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { RunningChecksums } from "../../src/blobs/checksums.ts";
import { hashWasm } from "./hash-wasm.ts";

/** As an upload reads them. */
const PIECE = 256 * 1024;

const piece = Uint8Array.from({ length: PIECE }, (_, at) => (at * at * 31) >>> 3);

/** The ways, by their path. */
const WAYS: Record<string, (pieces: number) => string[] | Promise<string[]>> = {
  ours: (pieces) => {
    const running = new RunningChecksums();
    for (let n = 0; n < pieces; n += 1) {
      running.update(piece);
    }
    const { sha512, sha256, crc32: crc } = running.digests();
    return [sha512, sha256, crc];
  },
  "hash-wasm": (pieces) => hashWasm(piece, pieces),
  native: (pieces) => {
    const [sha512, sha256] = [createHash("sha512"), createHash("sha256")] as const;
    let crc = 0;
    for (let n = 0; n < pieces; n += 1) {
      sha512.update(piece);
      sha256.update(piece);
      crc = crc32(piece, crc);
    }
    return [sha512.digest("hex"), sha256.digest("hex"), crc.toString(16).padStart(8, "0")];
  },
};

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const way = WAYS[pathname.slice(1)];
    return way === undefined
      ? new Response("No such way", { status: 404 })
      : Response.json(await way(Number(searchParams.get("bytes")) / PIECE));
  },
} satisfies ExportedHandler;
