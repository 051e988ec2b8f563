// What a version's source had and the version has not: devices, names that are no Unicode, whatever a writer cannot
// keep. Names are bytes, as they may be no texts.

import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ManifestDamage } from "./damage.ts";
import { BOUNDS } from "./format.ts";
import { readTable, sortTexts, writeTable } from "./front-coding.ts";

/** What was left out: how many things, and some of them by name, with the reason. */
export interface LeftOut {
  count: number;
  named: readonly { path: Uint8Array; reason: string }[];
}

export const NOTHING_LEFT_OUT: LeftOut = { count: 0, named: [] };

/** Encodes what was left out; nothing has no bytes. */
export function encodeLeftOut({ count, named }: LeftOut): Uint8Array {
  const to = new ByteWriter();
  if (count === 0) {
    return to.view();
  }
  const reasons = sortTexts(named.map(({ reason }) => reason));
  to.varint(count).varint(named.length);
  writeTable(to, reasons);
  for (const { path, reason } of named) {
    to.varint(reasons.indexOf(reason)).varint(path.length).bytes(path);
  }
  if (to.length > BOUNDS.leftOut || named.length > count) {
    throw new Error(`Cannot write what was left out: ${named.length} of ${count} are named`);
  }
  return to.view();
}

/** Decodes what was left out. */
export function decodeLeftOut(bytes: Uint8Array): LeftOut {
  if (bytes.length === 0) {
    return NOTHING_LEFT_OUT;
  }
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  const length = reader.count(Math.min(count, bytes.length), "things left out by name");
  const reasons = readTable(reader, BOUNDS.type);
  const named = Array.from({ length }, () => {
    const reason = reasons[reader.varint()];
    if (reason === undefined) {
      throw new ManifestDamage("something was left out for no reason");
    }
    return { path: reader.take(reader.varint()), reason };
  });
  reader.requireEnd("what was left out");
  return { count, named };
}
