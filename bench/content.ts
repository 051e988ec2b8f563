import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const MiB = 1024 * 1024;
const BLOCK = 64 * MiB;
const PART = 8 * MiB;
const STAMP = 16;

let block: Buffer | null = null;

/** Bytes of any length that are like no other content: one random block over and over, whose first bytes are
 * random anew. */
export class Content {
  readonly size: number;
  readonly #first: Buffer;
  readonly #block: Buffer;

  constructor(size: number) {
    block ??= randomBytes(BLOCK);
    this.size = size;
    this.#block = block;
    this.#first = Buffer.concat([randomBytes(STAMP), block.subarray(STAMP, Math.min(size, BLOCK))]);
  }

  /** The bytes from `offset` on; not to be changed. */
  read(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.size);
    const pieces: Buffer[] = [];
    for (let at = offset; at < end;) {
      const from = at < BLOCK ? this.#first : this.#block;
      const piece = from.subarray(at % BLOCK, Math.min(BLOCK, (at % BLOCK) + end - at));
      pieces.push(piece);
      at += piece.length;
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }

  /** In lower-case hex. */
  checksums(): { sha256: string; crc32: string } {
    const sha256 = createHash("sha256");
    let crc = 0;
    for (let at = 0; at < this.size; at += PART) {
      const piece = this.read(at, PART);
      sha256.update(piece);
      crc = crc32(piece, crc);
    }
    return { sha256: sha256.digest("hex"), crc32: crc.toString(16).padStart(8, "0") };
  }

  /** The etag that R2 gives to these bytes: the MD5 of all, or, sent in parts of 8 MiB, that of the parts' MD5. */
  etag(): string {
    if (this.size <= PART) {
      return createHash("md5").update(this.read(0, PART)).digest("hex");
    }
    const ofParts = createHash("md5");
    const known = new Map<number, Buffer>();
    let parts = 0;
    for (let at = 0; at < this.size; at += PART) {
      const repeats = at >= BLOCK && at + PART <= this.size;
      const digest =
        (repeats ? known.get(at % BLOCK) : undefined) ??
        createHash("md5").update(this.read(at, PART)).digest();
      if (repeats) {
        known.set(at % BLOCK, digest);
      }
      ofParts.update(digest);
      parts += 1;
    }
    return `${ofParts.digest("hex")}-${parts}`;
  }
}

/** Lower-case hex. */
export function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Lower-case hex. */
export function crc32Of(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

/** Ends the bench where something is not as it must be: no figure counts then. */
export function expectSame(actual: unknown, wanted: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (is !== should) {
    throw new Error(`Wrong ${what}: ${is} instead of ${should}`);
  }
}
