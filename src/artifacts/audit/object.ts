// An object of the audit: gzip of lines of JSON. The first one says what follows and names the object before by its
// sha256; each further one is a row, in the order of time. What is written is read for as long as AUDIT_DAYS says, so a
// change of the format gets another number (docs/storage.md, "The audit in R2").

import { readPiece } from "../../blobs/objects.ts";
import { REQUEST } from "../../budget/budget.ts";
import { WORK } from "../../budget/shares.ts";
import type { AuditLine, AuditObject } from "../../catalog/audit/objects.ts";
import { newUuid, parseUuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";

const FORMAT = 1;

/** The first line of an object. */
interface ObjectHead {
  format: number;
  /** Of UTC, as `2026-11-30`. */
  day: string;
  rows: number;
  /** The sha256 of the bytes of the object before; '' of the first. */
  previous: string;
}

/** Milliseconds of a day. */
export const DAY = 86_400_000;

/** What an object takes of memory at most: its lines, as text and as bytes, and what they are compressed to. */
const HELD = LIMITS.auditObjectText * (LIMITS.textHeld + 2);

/** The day of a time, as `2026-11-30`. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** A key that no object had before. */
export function newAuditKey(at: number): string {
  return `audit/${dayOf(at)}/${newUuid()}`;
}

/** Tells the keys that `newAuditKey()` gives. */
export function isAuditKey(key: string): boolean {
  const [, uuid] = /^audit\/\d{4}-\d\d-\d\d\/([^/]+)$/u.exec(key) ?? [];
  return uuid !== undefined && parseUuid(uuid) !== null;
}

/** Runs something that has one object in memory, in its turn. */
export function withObject<T>(work: () => Promise<T>): Promise<T> {
  return WORK.run(HELD, REQUEST, work);
}

/** The bytes of the object that holds these rows of one day. */
export async function encodeObject(
  lines: readonly AuditLine[],
  previous: string,
): Promise<Uint8Array> {
  const day = dayOf(lines[0]?.at ?? 0);
  const head: ObjectHead = { format: FORMAT, day, rows: lines.length, previous };
  const text = [JSON.stringify(head), ...lines.map(({ line }) => line), ""].join("\n");
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(packed).bytes();
}

/** Lower-case hex. */
export async function digestOf(
  algorithm: "SHA-256" | "SHA-512",
  bytes: Uint8Array,
): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, bytes)).toHex();
}

/** What an object holds: its rows as lines of JSON, the oldest first, or why it is not the one that was written. */
export type ReadObject = { ok: true; lines: string[] } | { ok: false; why: string };

/** Reads an object and checks all of it. Throws a StorageError where it cannot be read. */
export async function readObject(
  bucket: Env["BUCKET"],
  { key, size, sha256, previous, rows }: AuditObject,
): Promise<ReadObject> {
  const bytes = await readPiece(bucket, key, 0, size);
  const found = await digestOf("SHA-256", bytes);
  if (found !== sha256) {
    return { ok: false, why: `its sha256 is ${found}, not ${sha256}` };
  }
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(unpacked).text();
  const [head = "", ...lines] = text.trimEnd().split("\n");
  const told = JSON.parse(head) as ObjectHead;
  if (told.format !== FORMAT || told.previous !== previous || lines.length !== rows) {
    return { ok: false, why: `it says ${head}, the catalog ${rows} rows behind ${previous}` };
  }
  return { ok: true, lines };
}
