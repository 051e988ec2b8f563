// Puts small pieces together, so that an archive of small files costs few reads of R2: those that lie near each
// other in one object, as the members of an exploded archive do, are read at once with what is between them.

import { LIMITS } from "../protocol/limits.ts";
import type { Slice } from "./extents.ts";

/** Bytes at hand, or a slice of an R2 object. */
export type Piece = { kind: "bytes"; bytes: Uint8Array } | { kind: "slice"; slice: Slice };

/** What comes of a span: `length` bytes from `at`, counted from where the span begins. */
interface Cut {
  at: number;
  length: number;
}

/** Small pieces, sent in order; one read of `span` gives all the cuts. */
export interface Group {
  kind: "group";
  span: Slice | null;
  parts: (Uint8Array | Cut)[];
  /** Of what is sent. */
  length: number;
}

/** A group, or a slice too large to wait for. */
export type Joined = Group | { kind: "slice"; slice: Slice };

/** @yields The same bytes in fewer pieces, of at most LIMITS.groupLength bytes where they are groups. */
export function* joinPieces(pieces: Iterable<Piece>): Generator<Joined> {
  let group = emptyGroup();
  for (const piece of pieces) {
    const isLarge = piece.kind === "slice" && piece.slice.length > LIMITS.smallSlice;
    if (isLarge || !fits(group, piece)) {
      if (group.parts.length > 0) {
        yield group;
      }
      group = emptyGroup();
    }
    if (isLarge) {
      yield piece;
    } else {
      add(group, piece);
    }
  }
  if (group.parts.length > 0) {
    yield group;
  }
}

/** The pieces that a group was made of. */
export function apart({ span, parts }: Group): Piece[] {
  return parts.map((part) => {
    if (part instanceof Uint8Array) {
      return { kind: "bytes", bytes: part };
    }
    const { key = "", offset = 0 } = span ?? {};
    return { kind: "slice", slice: { key, offset: offset + part.at, length: part.length } };
  });
}

function emptyGroup(): Group {
  return { kind: "group", span: null, parts: [], length: 0 };
}

function fits({ span, length }: Group, piece: Piece): boolean {
  if (piece.kind === "bytes") {
    return length + piece.bytes.length <= LIMITS.groupLength;
  }
  const { key, offset, length: wanted } = piece.slice;
  if (span === null) {
    return length + wanted <= LIMITS.groupLength;
  }
  const gap = offset - (span.offset + span.length);
  return (
    key === span.key &&
    gap >= 0 &&
    gap <= LIMITS.smallSlice &&
    Math.max(length, span.length + gap) + wanted <= LIMITS.groupLength
  );
}

function add(group: Group, piece: Piece): void {
  if (piece.kind === "bytes") {
    group.parts.push(piece.bytes);
    group.length += piece.bytes.length;
    return;
  }
  const { key, offset, length } = piece.slice;
  const start = group.span?.offset ?? offset;
  group.span = { key, offset: start, length: offset + length - start };
  group.parts.push({ at: offset - start, length });
  group.length += length;
}
