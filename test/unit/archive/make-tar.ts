// Tars for tests of the reader, header by header: what real tools write, and what none does.

import type { Beside } from "../../../src/archive/describe-member.ts";
import type { TarMember } from "../../../src/archive/tar-reader.ts";
import { TarWalk } from "../../../src/archive/tar-walk.ts";
import type { TarMark } from "../../../src/archive/tar-walk.ts";
import { Work } from "../../../src/archive/work.ts";

const encoder = new TextEncoder();

/** The fields of a header block; strings are written as they are, byte by byte. */
export interface Fields {
  name: string;
  size?: number | string;
  type?: string;
  magic?: string;
  prefix?: string;
  checksum?: string;
  link?: string;
  mode?: string;
  /** Seconds. */
  time?: number;
}

/** Bytes with one character each. */
export function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** One header block with its checksum. */
export function header({ name, size = 0, type = "0", ...rest }: Fields): Uint8Array {
  const block = new Uint8Array(512);
  const put = (text: string, at: number) => block.set(latin(text), at);
  put(String.fromCharCode(...encoder.encode(name)).slice(0, 100), 0);
  put(rest.mode ?? "0000644", 100);
  put(typeof size === "string" ? size : `${size.toString(8).padStart(11, "0")}\0`, 124);
  put(rest.time === undefined ? "" : rest.time.toString(8).padStart(11, "0"), 136);
  put(type, 156);
  put(rest.link ?? "", 157);
  put(rest.magic ?? "ustar\x0000", 257);
  put(rest.prefix ?? "", 345);
  put("        ", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(rest.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A header, its data and the padding behind. */
export function member(fields: Fields, data: Uint8Array | string = ""): Uint8Array {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  const padding = new Uint8Array((512 - (bytes.length % 512)) % 512);
  return join(header({ size: bytes.length, ...fields }), bytes, padding);
}

/** An extended header of pax with `records`. */
export function pax(records: Record<string, string>, type = "x"): Uint8Array {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = encoder.encode(` ${key}=${value}\n`).length;
    const length = [1, 2, 3, 4].find((digits) => String(rest + digits).length === digits) ?? 0;
    return `${rest + length} ${key}=${value}\n`;
  });
  return member({ name: "././@PaxHeader", type }, lines.join(""));
}

/** Work that nothing limits. */
export function freely(): Work {
  return new Work(2 ** 40);
}

/** The bytes of pieces that are valid one after the other. */
export function collect(pieces: Iterable<Uint8Array>): Uint8Array {
  return join(...Array.from(pieces, (piece) => piece.slice()));
}

export const END = new Uint8Array(1024);

export function join(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A member with its bytes as one character each. */
export type Walked = Record<string, string>;

/** Walks through a tar that comes in pieces of `cut` bytes. */
export function walk(tar: Uint8Array, cut: number = tar.length): Walked {
  const { walker, found } = startWalk();
  for (let from = 0; from < tar.length; from += cut) {
    walker.push(tar.subarray(from, from + cut));
  }
  walker.finish();
  return found;
}

/** A walk that puts what it meets into `found`; a member that was begun before goes on there. */
export function startWalk(mark?: TarMark, found: Walked = {}) {
  let path = mark?.member?.path ?? "";
  const beside: Beside[] = [];
  const members: TarMember[] = [];
  const walker = new TarWalk(
    {
      begin: (begun) => {
        path = begun.path;
        found[path] = "";
        members.push(begun);
      },
      bytes: (bytes) => {
        found[path] += String.fromCharCode(...bytes);
      },
      end: () => {},
      beside: (one) => beside.push(one),
    },
    freely(),
    mark,
  );
  return { walker, found, beside, members };
}

/** The files of a tar with their bytes, by path. */
export function walkBytes(tar: Uint8Array): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let pieces: Uint8Array[] = [];
  let path = "";
  const walker = new TarWalk(
    {
      begin: (begun) => {
        path = begun.path;
        pieces = [];
      },
      bytes: (bytes) => pieces.push(bytes),
      end: () => {
        found.set(path, join(...pieces));
      },
      beside: () => {},
    },
    freely(),
  );
  walker.push(tar);
  walker.finish();
  return found;
}
