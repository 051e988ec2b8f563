// The codes that a block of deflate brings along (RFC 1951, section 3.2.7), and those that it need not bring.

import { DeflateError } from "./bit-reader.ts";
import type { BitReader } from "./bit-reader.ts";
import { HuffmanCode } from "./huffman.ts";

export const END_OF_BLOCK = 256;

/** The codes of a block. */
export interface BlockCodes {
  literals: HuffmanCode;
  distances: HuffmanCode;
}

/** The order in which a block tells the lengths of the code that tells the lengths of its codes. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;

/** The codes of blocks that bring none (section 3.2.6). */
export const FIXED_CODES: BlockCodes = {
  literals: new HuffmanCode(),
  distances: new HuffmanCode(),
};
FIXED_CODES.literals.build(
  Uint8Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8)),
);
FIXED_CODES.distances.build(new Uint8Array(32).fill(5));

/** Reads a block's codes into `codes`; throws STARVED where they are not whole. */
export function readCodes(reader: BitReader, codes: BlockCodes): void {
  const literals = reader.take(5) + 257;
  const distances = reader.take(5) + 1;
  const told = reader.take(4) + 4;
  if (literals > 286 || distances > 30) {
    throw new DeflateError("a block with too many symbols");
  }
  const order = new Uint8Array(19);
  for (const symbol of ORDER.slice(0, told)) {
    order[symbol] = reader.take(3);
  }
  const lengths = readLengths(reader, buildCode(new HuffmanCode(), order), literals + distances);
  if (lengths[END_OF_BLOCK] === 0) {
    throw new DeflateError("a block that cannot end");
  }
  buildCode(codes.literals, lengths.subarray(0, literals));
  buildCode(codes.distances, lengths.subarray(literals));
}

function buildCode(code: HuffmanCode, lengths: Uint8Array): HuffmanCode {
  if (!code.build(lengths)) {
    throw new DeflateError("a block with a code that is none");
  }
  return code;
}

function readLengths(reader: BitReader, code: HuffmanCode, count: number): Uint8Array {
  const lengths = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const symbol = reader.takeSymbol(code);
    const { length, times } =
      symbol < 16 ? { length: symbol, times: 1 } : readRepeat(reader, symbol, lengths[at - 1]);
    if (at + times > count) {
      throw new DeflateError("a block with more lengths than symbols");
    }
    lengths.fill(length, at, at + times);
    at += times;
  }
  return lengths;
}

function readRepeat(reader: BitReader, symbol: number, previous: number | undefined) {
  if (symbol === 17) {
    return { length: 0, times: 3 + reader.take(3) };
  }
  if (symbol === 18) {
    return { length: 0, times: 11 + reader.take(7) };
  }
  if (previous === undefined) {
    throw new DeflateError("a block that repeats a length before the first");
  }
  return { length: previous, times: 3 + reader.take(2) };
}
