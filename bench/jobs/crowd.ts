// Many uploads at once through one isolate, beside clients that hardly send: what they make it grow by, and that all
// their bytes are right.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { Bench, Job } from "../bench.ts";
import { expectStatus, send } from "../client.ts";
import { Content, expectSame } from "../content.ts";
import { runPairs, toRow } from "../measure.ts";
import type { Pairs, Row } from "../measure.ts";
import { SlowClients } from "../slow-clients.ts";
import { withTail } from "./uploads.ts";

const MiB = 1024 * 1024;
const PIECE = 16 * MiB;
const RETRY_MS = 1_000;
/** At any scale: it is their number that counts. */
const COUNT = 20;
const SLOW = 50;
const TITLE = "uploads beside 50 slow clients";
/** MiB that we may grow by more than the bare objects do. */
const ALLOWED = 96;

/** One side: where an upload begins, and how it ends. */
interface Side {
  headers: () => Promise<Record<string, string>>;
  open: () => Promise<string>;
  finish: (url: string, content: Content) => Promise<void>;
}

class Crowd {
  readonly #side: Side;
  /** Pieces that were refused for want of memory, and sent again. */
  refused = 0;

  constructor(side: Side) {
    this.#side = side;
  }

  /** Uploads so many contents at once; gives MiB a second of all together. */
  async run(count: number, size: number): Promise<number> {
    const { headers, open, finish } = this.#side;
    const slowUrls = await Promise.all(Array.from({ length: SLOW }, open));
    const slow = new SlowClients(slowUrls, await headers());
    const began = performance.now();
    const contents = Array.from({ length: count }, () => new Content(size));
    const urls = await Promise.all(contents.map((content) => this.#upload(content)));
    const seconds = (performance.now() - began) / 1_000;
    await slow.stop();
    for (const [at, content] of contents.entries()) {
      await finish(urls[at] ?? "", content);
    }
    return (count * size) / MiB / seconds;
  }

  async #upload(content: Content): Promise<string> {
    const url = await this.#side.open();
    for (let offset = 0; offset < content.size; offset += PIECE) {
      await this.#append(url, content.read(offset, PIECE), offset);
    }
    return url;
  }

  /** Sends a piece until it is there: one may be refused for want of memory, or its connection be closed over that. */
  async #append(url: string, body: Buffer, offset: number): Promise<void> {
    const end = String(offset + body.length);
    for (;;) {
      const headers = { ...(await this.#side.headers()), "Upload-Offset": offset };
      const answer = await send(url, { method: "POST", headers, body, isAlone: true }).catch(
        () => null,
      );
      if (answer?.status === 200) {
        return expectSame(answer.body.toString(), end, "offset");
      }
      if (answer?.status === 409) {
        const { body: found } = await expectStatus(200, url, { headers });
        const { size } = JSON.parse(found.toString()) as { size: number };
        return expectSame(String(size), end, "offset after an answer that was lost");
      }
      if (answer !== null && answer.status !== 503 && answer.status !== 408) {
        throw new Error(`POST ${url}: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
      }
      this.refused += 1;
      await sleep(RETRY_MS);
    }
  }
}

function oursOf({ stowage }: Bench): Side {
  return {
    headers: () => stowage.authorization(),
    open: () => stowage.openUpload(),
    finish: async (url, content) => {
      const { blob } = await stowage.convert(url, `crowd-${randomUUID()}`);
      const wanted = { ...content.checksums(), etag: content.etag() };
      expectSame(await stowage.describeBlob(blob), wanted, "checksums");
    },
  };
}

function bareOf({ sides: { bare } }: Bench): Side {
  return {
    headers: () => Promise.resolve({}),
    open: () => Promise.resolve(`${bare.origin}/upload/crowd/${randomUUID()}`),
    finish: async (url, content) => {
      await expectStatus(200, url, { method: "POST" });
      expectSame(
        await bare.etagOf(url.slice(`${bare.origin}/upload/`.length)),
        content.etag(),
        "etag",
      );
    },
  };
}

function growthRows(title: string, { ours, bare }: Pairs["growth"]): Row[] {
  if (ours === null || bare === null) {
    return [];
  }
  const both = { ours: [ours], bare: [bare] };
  const beyond = { ours: [ours - bare], bare: [] };
  return [
    toRow(`${title}: memory`, "MiB", both),
    toRow(`${title}: beyond bare`, "MiB", beyond, { of: "ours", atMost: ALLOWED }),
  ];
}

export const crowdJobs: readonly Job[] = [
  {
    name: "crowd",
    async run(bench) {
      const size = withTail(bench.scaled(256 * MiB, 24 * MiB));
      const [ours, bare] = [new Crowd(oursOf(bench)), new Crowd(bareOf(bench))];
      const pairs = await runPairs(bench.sides, 1, {
        ours: () => ours.run(COUNT, size),
        bare: () => bare.run(COUNT, size),
      });
      const title = `${COUNT} ${TITLE}`;
      return [
        toRow(`${title} of ${Math.round(size / MiB)} MiB`, "MiB/s", pairs),
        toRow(`${title}: sent again`, "", { ours: [ours.refused], bare: [] }),
        ...growthRows(title, pairs.growth),
      ];
    },
  },
];
