// Where a tar says that a file is sparse, and where its map is.

import { isSparseKey, sizeIn, SPARSE_PAIRS } from "./pax-records.ts";
import { BlockMap, parseMap, realSizeOf, TextMap, toSparse, wrongMap } from "./sparse.ts";
import type { Sparse, SparseMap } from "./sparse.ts";
import { text } from "./tar-header.ts";
import type { TarHeader } from "./tar-header.ts";

/** How a tar has a sparse file: by old GNU, with its map in records of pax (0.0, 0.1), or before its bytes (1.0). */
type SparseForm =
  | { form: "old" }
  | { form: "pax"; size: Uint8Array; map: Uint8Array }
  | { form: "text"; size: Uint8Array };

/** Records that say nothing which others do not. */
const BESIDE = new Set(["GNU.sparse.name", "GNU.sparse.numblocks"]);
const NONE = new Uint8Array();

/** Which form it is, by its records and the type in its header; null where it is none, or two, and could be read in two ways. */
function sparseForm(records: ReadonlyMap<string, Uint8Array>, type: string): SparseForm | null {
  const keys = [...records.keys()].filter((key) => isSparseKey(key) && !BESIDE.has(key));
  if (type === "S") {
    return keys.length === 0 ? { form: "old" } : null;
  }
  const get = (key: string) => records.get(key) ?? NONE;
  switch (type === "0" ? keys.toSorted().join(" ") : "") {
    case "GNU.sparse.size":
    case `${SPARSE_PAIRS} GNU.sparse.size`:
      return { form: "pax", size: get("GNU.sparse.size"), map: get(SPARSE_PAIRS) };
    case "GNU.sparse.map GNU.sparse.size":
      return { form: "pax", size: get("GNU.sparse.size"), map: get("GNU.sparse.map") };
    case "GNU.sparse.major GNU.sparse.minor GNU.sparse.realsize":
      return isVersion1(get("GNU.sparse.major"), get("GNU.sparse.minor"))
        ? { form: "text", size: get("GNU.sparse.realsize") }
        : null;
    default:
      return null;
  }
}

function isVersion1(major: Uint8Array, minor: Uint8Array): boolean {
  return text(major.subarray(0, 2)) === "1" && text(minor.subarray(0, 2)) === "0";
}

/** A sparse file whose map is known. */
export interface Holed {
  sparse: Sparse;
  /** With its zeros. */
  size: number;
}

/** A sparse file whose map comes by the block. */
export class MappedFile {
  readonly #name: string;
  readonly #size: number;
  readonly #map: SparseMap;
  #packed: number;

  /** `packed` bytes follow the header, or the map where that is not counted. */
  constructor(name: string, map: SparseMap, { size, packed }: { size: number; packed: number }) {
    this.#name = name;
    this.#map = map;
    this.#size = size;
    this.#packed = packed;
  }

  /** Takes a block of the map: what the file is, or null where another block is wanted. */
  take(block: Uint8Array): Holed | null {
    // Version 1.0 counts its map among the bytes of the member.
    this.#packed -= this.#map instanceof TextMap ? block.length : 0;
    if (this.#map.take(block)) {
      return null;
    }
    const terms = { size: this.#size, packed: this.#packed };
    return { sparse: toSparse(this.#name, this.#map.numbers, terms), size: this.#size };
  }
}

/** Begins with a sparse file at its header; `size` is that of its bytes in the tar. */
export function beginSparse(member: {
  records: ReadonlyMap<string, Uint8Array>;
  header: TarHeader;
  block: Uint8Array;
  name: string;
  size: number;
}): { file: MappedFile | null; holed: Holed | null } {
  const { records, header, block, name, size: packed } = member;
  const found = sparseForm(records, header.type);
  if (found === null) {
    throw wrongMap(name);
  }
  if (found.form === "old") {
    const size = realSizeOf(block);
    if (size === null) {
      throw wrongMap(name);
    }
    const file = new MappedFile(name, new BlockMap(name), { size, packed });
    return { file, holed: file.take(block) };
  }
  const size = sizeIn(name, found.size);
  if (found.form === "text") {
    return { file: new MappedFile(name, new TextMap(name), { size, packed }), holed: null };
  }
  const sparse = toSparse(name, parseMap(name, found.map), { size, packed });
  return { file: null, holed: { sparse, size } };
}
