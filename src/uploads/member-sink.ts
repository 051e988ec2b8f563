import type { Beside } from "../archive/describe-member.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import type { TarSink } from "../archive/tar-walk.ts";
import { RunningChecksums } from "../blobs/checksums.ts";
import type { ReadEntry } from "./read-entry.ts";

/** Hashes the members that pass. */
export class MemberSink implements TarSink {
  #entries: ReadEntry[] = [];
  #current: { member: TarMember; checksums: RunningChecksums } | null;

  /** `member` and its saved hash state: where the bytes go on. */
  constructor(member: TarMember | null, checksums: Uint8Array | null) {
    this.#current =
      member && checksums ? { member, checksums: RunningChecksums.load(checksums) } : null;
  }

  /** How many ended and were not taken. */
  get found(): number {
    return this.#entries.length;
  }

  /** Gives the members, and what is beside them, that ended since it was called last. */
  takeEntries(): ReadEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  /** The saved hash state of the member that goes on, or null. */
  get checksums(): Uint8Array | null {
    return this.#current?.checksums.save() ?? null;
  }

  begin(member: TarMember): void {
    this.#current = { member, checksums: new RunningChecksums() };
  }

  bytes(bytes: Uint8Array): void {
    this.#current?.checksums.update(bytes);
  }

  end(): void {
    if (this.#current !== null) {
      const { member, checksums } = this.#current;
      this.#entries.push({ kind: "file", ...member, ...checksums.digests() });
      this.#current = null;
    }
  }

  beside(beside: Beside): void {
    this.#entries.push(beside);
  }
}
