// The least that an upload needs: bodies cut into parts of one size, the rest kept in rows, no checksums, no
// checks, no order of writes that would survive anything. Under keys that begin with HASHED it makes Stowage's
// checksums, too: the difference is what they cost.

import { DurableObject } from "cloudflare:workers";

import { HASHED, LENGTH } from "./names.ts";

export interface BareEnv {
  DB: D1Database;
  BUCKET: R2Bucket;
  UPLOADS: DurableObjectNamespace;
}

const MiB = 1024 * 1024;
const PART = 8 * MiB;
const READ = 256 * 1024;
const IN_FLIGHT = 2;

/** One upload. */
export class BareObject extends DurableObject<BareEnv> {
  readonly #sql: SqlStorage;
  #multipart: R2MultipartUpload | null = null;
  #parts = 0;
  #tail = 0;
  #size = 0;
  #hash: Hash | null = null;

  constructor(ctx: DurableObjectState, env: BareEnv) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, etag TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS tail (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL);`);
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const key = pathname.slice(1);
    const length = Number(request.headers.get(LENGTH));
    if (key.startsWith(HASHED)) {
      this.#hash ??= await newHash();
    }
    if (request.body === null || length === 0) {
      return this.#complete(key);
    }
    const reader = request.body.getReader({ mode: "byob" });
    await (this.#tail + length < PART
      ? this.#keep(reader, length)
      : this.#send(key, reader, length));
    return Response.json(this.#size);
  }

  /** Writes a body that fills no part into rows. */
  async #keep(body: ReadableStreamBYOBReader, length: number): Promise<void> {
    const bytes = await this.#fill(body, new Uint8Array(length), 0, length);
    this.ctx.storage.transactionSync(() => this.#addTail(bytes));
    this.#size += length;
  }

  /** Sends a body, and what is kept before it, as parts; keeps the rest. */
  async #send(key: string, body: ReadableStreamBYOBReader, length: number): Promise<void> {
    const upload = (this.#multipart ??= await this.env.BUCKET.createMultipartUpload(key));
    const sent: Promise<R2UploadedPart>[] = [];
    let buffer = new Uint8Array(PART);
    let filled = this.#readTail(buffer);
    for (let taken = 0; taken < length;) {
      const wanted = Math.min(PART - filled, length - taken);
      buffer = await this.#fill(body, buffer, filled, wanted);
      taken += wanted;
      filled += wanted;
      if (filled === PART) {
        await sent.at(-IN_FLIGHT);
        sent.push(upload.uploadPart((this.#parts += 1), buffer));
        buffer = new Uint8Array(PART);
        filled = 0;
      }
    }
    const parts = await Promise.all(sent);
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM tail");
      this.#tail = 0;
      for (const { partNumber, etag } of parts) {
        this.#sql.exec("INSERT INTO parts VALUES (?, ?)", partNumber, etag);
      }
      this.#addTail(buffer.subarray(0, filled));
    });
    this.#size += length;
  }

  async #complete(key: string): Promise<Response> {
    const rest = new Uint8Array(this.#tail);
    this.#readTail(rest);
    if (this.#multipart === null) {
      await this.env.BUCKET.put(key, rest);
    } else {
      const rows = this.#sql
        .exec<{ number: number; etag: string }>("SELECT * FROM parts")
        .toArray();
      const parts = rows.map(({ number, etag }) => ({ partNumber: number, etag }));
      if (rest.length > 0) {
        parts.push(await this.#multipart.uploadPart(this.#parts + 1, rest));
      }
      await this.#multipart.complete(parts);
    }
    await this.env.DB.prepare("INSERT OR REPLACE INTO files (path, key, size) VALUES (?1, ?1, ?2)")
      .bind(key, this.#size)
      .run();
    return Response.json(this.#size);
  }

  #addTail(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += MiB) {
      this.#sql.exec("INSERT INTO tail (bytes) VALUES (?)", bytes.slice(from, from + MiB));
    }
    this.#tail += bytes.length;
  }

  /** Fills the beginning of a buffer with what is kept, and gives its length. */
  #readTail(into: Uint8Array): number {
    let filled = 0;
    for (const { bytes } of this.#sql.exec<{ bytes: ArrayBuffer }>(
      "SELECT bytes FROM tail ORDER BY n",
    )) {
      into.set(new Uint8Array(bytes), filled);
      filled += bytes.byteLength;
    }
    return filled;
  }

  /** Reads `length` bytes into a buffer, which is handed over and comes back. */
  async #fill(
    body: ReadableStreamBYOBReader,
    into: Uint8Array,
    from: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let { buffer } = into;
    for (let filled = 0; filled < length;) {
      const view = new Uint8Array(buffer, from + filled, Math.min(READ, length - filled));
      const { value } = await body.read(view);
      if (value === undefined) {
        throw new Error("The body ended early");
      }
      this.#hash?.update(value);
      filled += value.length;
      ({ buffer } = value);
    }
    return new Uint8Array(buffer as ArrayBuffer);
  }
}

interface Hash {
  update(bytes: Uint8Array): void;
}

/** Loaded when it is wanted: other jobs must not wait for it. */
async function newHash(): Promise<Hash> {
  const { RunningChecksums } = await import("../../src/blobs/checksums.ts");
  return new RunningChecksums();
}
