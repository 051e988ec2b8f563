// The numbers of the format (docs/manifest.md). What is written is read for ever: another meaning of anything here is
// another revision.

/** The first byte of an index, and of a manifest that is whole in its row. */
export const INDEX = 0x01;
export const INLINE = 0x81;

/** The end of a manifest that is an object: length of the index, SHA-256 of all before this, `STW1`. */
export const FOOTER_LENGTH = 40;
export const MAGIC = new TextEncoder().encode("STW1");

/** Entries of a block: this many, or twice as many, and so on. */
export const BLOCK_ENTRIES = 512;

/** Extents of a piece of a list. */
export const LIST_PIECE = 256;

/** Files from which on a manifest has the column of hashes, and the bytes of one of its rows. */
export const HASHED_FILES = 32;
export const HASH_ROW = 12;

/** Columns of a block that are left out where they say nothing, each with its bit in the block's mask, in their order. */
export const COLUMNS = [
  "folders",
  "emptyFolders",
  "sizes",
  "places",
  "keys",
  "types",
  "typeTexts",
  "executables",
  "times",
  "links",
] as const;

export type Column = (typeof COLUMNS)[number];

/** Bytes of a file's CRC-32, SHA-256 and SHA-512, columns that every block with files has at its end. */
export const HASHES = { crc32: 4, sha256: 32, sha512: 64 } as const;

/** What a reader takes at most, so that no manifest makes it ask for more memory than this. A writer stays below. */
export const BOUNDS = {
  /** Bytes of a path, a folder's slash included. */
  path: 1_001,
  /** Bytes of the target of a link. */
  link: 1_000,
  /** Bytes of a content type and of the reason why something was left out. */
  type: 1_020,
  /** Bytes of the key of an R2 object. */
  key: 1_024,
  /** Bytes of a block and of an index. */
  block: 1024 * 1024,
  index: 1024 * 1024,
  blocks: 16_384,
  /** Extents of one file; bytes of the head of its list. */
  extents: 1024 * 1024,
  listHead: 1024 * 1024,
  /** Bytes of the keys of all objects, and of the list of what was left out. */
  keys: 16 * 1024 * 1024,
  leftOut: 2 * 1024 * 1024,
  /** Times in milliseconds: the years 1 to 9999, which all archives and headers can say. */
  earliest: -62_135_596_800_000,
  latest: 253_402_300_799_999,
} as const;
