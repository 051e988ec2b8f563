// A block is read again before it is sent: what was written for ever is what was meant.

import type { FileExtent } from "../protocol/entries.ts";
import { Block } from "./block.ts";
import type { BlockStart } from "./block.ts";
import { toText } from "./byte-reader.ts";
import { namedExtents } from "./encode-block.ts";
import type { NewEntry } from "./encode-block.ts";
import type { EncodedBlock } from "./encode-blocks.ts";
import type { Entry, FileEntry } from "./entries.ts";
import { FOLDER_PARTS } from "./entries.ts";
import { compareBytes } from "./front-coding.ts";
import { decodeListHead, decodeListPiece } from "./lists.ts";
import type { Member } from "./members.ts";

/** Reads a block again and compares it with what it was made of; throws where they differ. `lists` has all so far. */
export function verifyBlock(
  { bytes, entries }: Pick<EncodedBlock, "bytes" | "entries">,
  { start, keys, lists }: { start: BlockStart; keys: readonly string[]; lists: Uint8Array },
): Block {
  const block = new Block(bytes, start);
  let at = 0;
  for (const entry of block.entries()) {
    const meant = entries[at];
    if (meant === undefined || !isSame(entry, meant, { keys, lists })) {
      throw new Error(`Cannot write a manifest: '${entry.path}' would be read as something else`);
    }
    at += 1;
  }
  if (at !== entries.length) {
    throw new Error(`Cannot write a manifest: ${at} of ${entries.length} entries would be read`);
  }
  return block;
}

interface Sources {
  keys: readonly string[];
  lists: Uint8Array;
}

function isSame(entry: Entry, meant: NewEntry, sources: Sources): boolean {
  if (entry.path !== toText(meant.path)) {
    return false;
  }
  if (entry.kind === "folder") {
    return (
      meant.kind === "folder" &&
      FOLDER_PARTS.every((part) => entry.below[part] === meant.below[part])
    );
  }
  return meant.kind === "file" && isSameFile(entry, meant.file, sources);
}

function isSameFile(entry: FileEntry, file: Member, sources: Sources): boolean {
  return (
    entry.size === file.size &&
    entry.crc32 === file.crc32 &&
    compareBytes(entry.sha256, file.sha256) === 0 &&
    compareBytes(entry.sha512, file.sha512) === 0 &&
    entry.type === file.type &&
    entry.isExecutable === file.isExecutable &&
    entry.modifiedAt === file.modifiedAt &&
    entry.linkTarget === file.linkTarget &&
    isSamePlace(extentsOf(entry, sources.lists), namedExtents(file, sources.keys))
  );
}

function extentsOf({ place, size }: FileEntry, lists: Uint8Array): FileExtent[] {
  switch (place.kind) {
    case "none":
      return [];
    case "object":
      return [{ key: place.key, start: place.start, length: size }];
    case "list": {
      const bodyStart = place.offset + place.headLength;
      const head = lists.subarray(place.offset, bodyStart);
      const body = lists.subarray(bodyStart, bodyStart + place.bodyLength);
      const { keys, pieces } = decodeListHead(head, size, place.bodyLength);
      return pieces.flatMap((piece) =>
        decodeListPiece(body.subarray(piece.offset, piece.offset + piece.length), piece, keys),
      );
    }
  }
}

function isSamePlace(read: readonly FileExtent[], meant: readonly FileExtent[]): boolean {
  return (
    read.length === meant.length &&
    read.every((extent, at) => {
      const other = meant[at];
      return (
        extent.key === other?.key && extent.start === other.start && extent.length === other.length
      );
    })
  );
}
