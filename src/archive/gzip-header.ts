// The header of a gzip member (RFC 1952, section 2.3.1), byte by byte as it comes. All that matters is where it ends.

import { ArchiveProblem } from "./archive-problem.ts";

const HAS_CHECKSUM = 0x02;
const HAS_EXTRA = 0x04;
const HAS_NAME = 0x08;
const HAS_COMMENT = 0x10;
const RESERVED = 0xe0;

/** What begins every header: two bytes of magic, and the method, which is deflate. */
const BEGINNING = [0x1f, 0x8b, 8];
/** These, flags, a time, flags of the method, the system. */
const FIXED_LENGTH = 10;

export class GzipHeader {
  #taken = 0;
  #flags = 0;
  /** Bytes that are of no interest, before what comes next. */
  #skipped = 0;
  #part: "fixed" | "extra low" | "extra high" | "name" | "comment" | "checksum" | "over" = "fixed";
  #extra = 0;

  /** How many bytes it has had. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes the next byte; says whether it was the last. */
  take(byte: number): boolean {
    this.#taken += 1;
    if (this.#skipped > 0) {
      this.#skipped -= 1;
    } else {
      this.#read(byte);
    }
    return this.#part === "over" && this.#skipped === 0;
  }

  #read(byte: number): void {
    switch (this.#part) {
      case "fixed":
        this.#readFixed(byte);
        return;
      case "extra low":
        this.#extra = byte;
        this.#part = "extra high";
        return;
      case "extra high":
        this.#skipped = this.#extra + byte * 256;
        this.#part = this.#after("extra");
        this.#beginChecksum();
        return;
      case "name":
      case "comment":
        this.#part = byte === 0 ? this.#after(this.#part) : this.#part;
        this.#beginChecksum();
        return;
      case "checksum":
      case "over":
    }
  }

  #readFixed(byte: number): void {
    const at = this.#taken - 1;
    if (at < BEGINNING.length) {
      if (byte !== BEGINNING[at]) {
        throw new ArchiveProblem(null, "the gzip data has something that is no member of it");
      }
    } else if (at === BEGINNING.length) {
      if ((byte & RESERVED) !== 0) {
        throw new ArchiveProblem(null, "the gzip data has a header with unknown flags");
      }
      this.#flags = byte;
      this.#skipped = FIXED_LENGTH - this.#taken;
      this.#part = (byte & HAS_EXTRA) === 0 ? this.#after("extra") : "extra low";
      this.#beginChecksum();
    }
  }

  #after(part: "extra" | "name" | "comment"): "name" | "comment" | "checksum" | "over" {
    if (part === "extra" && (this.#flags & HAS_NAME) !== 0) {
      return "name";
    }
    if (part !== "comment" && (this.#flags & HAS_COMMENT) !== 0) {
      return "comment";
    }
    return (this.#flags & HAS_CHECKSUM) === 0 ? "over" : "checksum";
  }

  /** The checksum of the header is two bytes that are not looked at. */
  #beginChecksum(): void {
    if (this.#part === "checksum") {
      this.#skipped += 2;
      this.#part = "over";
    }
  }
}
