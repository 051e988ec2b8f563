// The module of the three checksums, src/blobs/wasm/checksums.wasm: where things lie in its memory, and its functions.

import { CRC_REST, CRC_TABLE, crcFunction } from "./crc32.mjs";
import { assemble } from "./module.mjs";
import { SHA256, SHA512 } from "./sha2-parameters.mjs";
import { shaFunction } from "./sha2.mjs";

const PAGE = 64 * 1024;
const CACHE_LINE = 64;

/** Bytes of input that fit at a time, whole blocks of SHA-512. A block more is behind them, read but not used. */
const INPUT_SIZE = 64 * 1024;
const BLOCK = 128;

/** Gives out memory, from address 0 on. */
class Layout {
  /** What is there at first.
   * @type {{ at: number, bytes: readonly number[] }[]} */
  data = [];
  size = 0;

  /** @param {number} size */
  room(size) {
    const at = this.size;
    this.size += Math.ceil(size / CACHE_LINE) * CACHE_LINE;
    return at;
  }

  /** @param {readonly number[]} bytes */
  place(bytes) {
    const at = this.room(bytes.length);
    this.data.push({ at, bytes });
    return at;
  }
}

/** The module's bytes, the same on every machine. */
export function makeChecksums() {
  const memory = new Layout();
  // The state of a stream is one run: the hash value of SHA-512, that of SHA-256, the CRC-32.
  const [initial512, initial256] = [words(SHA512.initial, 8), words(SHA256.initial, 4)];
  const initial = [...initial512, ...initial256, 0, 0, 0, 0];
  const state = memory.place(initial);
  const functions = [
    shaFunction(SHA512, {
      state,
      constants: memory.place(words(SHA512.constants, 8)),
      schedule: memory.room(SHA512.rounds * 8),
    }),
    shaFunction(SHA256, {
      state: state + initial512.length,
      constants: memory.place(words(SHA256.constants, 4)),
      schedule: memory.room(SHA256.rounds * 4),
    }),
    crcFunction({
      state: state + initial512.length + initial256.length,
      table: memory.place(CRC_TABLE),
      rest: memory.room(CRC_REST),
    }),
  ];
  const input = memory.room(INPUT_SIZE + BLOCK);
  return assemble({
    functions,
    numbers: { state, state_size: initial.length, input, input_size: INPUT_SIZE },
    pages: Math.ceil(memory.size / PAGE),
    data: memory.data,
  });
}

/**
 * Numbers as WebAssembly stores them, the lowest byte first.
 * @param {readonly bigint[]} numbers
 * @param {number} size of each in bytes
 */
function words(numbers, size) {
  return numbers.flatMap((number) =>
    Array.from({ length: size }, (_, at) => Number((number >> BigInt(8 * at)) & 0xffn)),
  );
}
