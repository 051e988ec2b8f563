import { ArchiveProblem } from "./archive-problem.ts";

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit number; past 2^53 - 1 no archive has that many bytes. */
export function wholeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ArchiveProblem(null, "the zip has a number past 2^53");
  }
  return Number(value);
}
