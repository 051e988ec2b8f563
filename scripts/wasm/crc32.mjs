// CRC-32 as gzip, zip and Ethernet have it (ISO 3309), by vectors.
//
// A CRC is what a polynomial leaves when it is divided by another, P, both over GF(2). A byte of the message with n
// bytes behind it adds byte * x^(8n) to the dividend. So it may be taken away when bytes further on are changed by what
// leaves the same remainder, and four bytes do for any: a remainder has 32 bits. Here they lie 3, 5, 6 and 7 vectors
// further on, at the same place in the vector. Which four is looked up by halves of the byte: a table of 16 entries is a
// vector, and `swizzle` looks 16 bytes up at once. So the places of a vector stay apart until the end, where the changes
// of the next 7 vectors are made and what is left is divided byte by byte.

import { get, i16x8, i32, repeatWhile, set, tee, v128, V128, when } from "./instructions.mjs";
import { around, Func } from "./module.mjs";

/** P without x^32; the lowest bit is the highest power. */
const POLYNOMIAL = 0xedb8_8320;

/** Bytes of a vector. */
const VECTOR = 16;

/** How many vectors further on a byte is made up for: the nearest four that can stand for any byte, but for the next two.
 * Those would have to wait for what is looked up. */
const DISTANCES = [3, 5, 6, 7];
const FURTHEST = 7;

/** Bytes that are taken away at a time, and that there must be room for in memory. */
export const CRC_REST = FURTHEST * VECTOR;

/** The address that those of memory's things are added to. */
const ORIGIN = i32.const(0);

/** What each byte leaves. */
const REMAINDERS = Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder = (remainder >>> 1) ^ ((remainder & 1) === 1 ? POLYNOMIAL : 0);
  }
  return remainder >>> 0;
});

/** The same as bytes, the lowest of each first. */
export const CRC_TABLE = REMAINDERS.flatMap((remainder) =>
  [0, 8, 16, 24].map((shift) => (remainder >>> shift) & 0xff),
);

/**
 * Where the function finds its things in memory.
 * @typedef {object} CrcMemory
 * @property {number} state the CRC-32 so far, four bytes, the lowest first
 * @property {number} table CRC_TABLE
 * @property {number} rest room for CRC_REST bytes
 */

/**
 * Makes the function `crc32(input, length)`, which moves the CRC-32 on by some bytes.
 * @param {CrcMemory} memory
 */
export function crcFunction({ state, table, rest }) {
  const func = new Func("crc32", 2);
  const [input, length] = /** @type {const} */ ([0, 1]);
  const [crc, at, left] = /** @type {const} */ ([
    func.local(i32.type),
    func.local(i32.type),
    func.local(i32.type),
  ]);
  const changes = func.locals(V128, FURTHEST);
  const vectors = vectorSteps(func, { input, changes });
  const ONES = i32.const(-1);

  /** Divides `count` bytes from `from` on, one by one. */
  const divide = (/** @type {number} */ from, /** @type {number} */ count) => {
    const index = i32.and(i32.xor(get(crc), i32.load8(get(from), 0)), i32.const(0xff));
    const looked = i32.load(i32.shiftLeft(index, 2), table);
    return when(
      get(count),
      repeatWhile(
        [
          set(crc, i32.xor(i32.shiftRight(get(crc), 8), looked)),
          set(from, i32.add(get(from), i32.const(1))),
        ],
        tee(count, i32.sub(get(count), i32.const(1))),
      ),
    );
  };

  func.emit([
    set(crc, i32.xor(i32.load(ORIGIN, state), ONES)),
    when(i32.isAtLeast(get(length), i32.const(2 * CRC_REST)), [
      vectors.prepare,
      // What is left of the bytes before counts as a change of the first four.
      changes.map((change) => set(change, v128.const(Array.from({ length: VECTOR }, () => 0)))),
      set(around(changes, 0), v128.replaceFirst(get(around(changes, 0)), get(crc))),
      repeatWhile(
        [
          changes.map((_, vector) => vectors.step(vector)),
          set(input, i32.add(get(input), i32.const(CRC_REST))),
        ],
        i32.isAtLeast(
          tee(length, i32.sub(get(length), i32.const(CRC_REST))),
          i32.const(2 * CRC_REST),
        ),
      ),
      changes.map((change, vector) =>
        v128.store(
          ORIGIN,
          rest + vector * VECTOR,
          v128.xor(get(change), v128.load(get(input), vector * VECTOR)),
        ),
      ),
      set(crc, i32.const(0)),
      set(at, i32.const(rest)),
      set(left, i32.const(CRC_REST)),
      divide(at, left),
      set(input, i32.add(get(input), i32.const(CRC_REST))),
      set(length, i32.sub(get(length), i32.const(CRC_REST))),
    ]),
    divide(input, length),
    i32.store(ORIGIN, state, i32.xor(get(crc), ONES)),
  ]);
  return func;
}

/**
 * The code that takes a vector away and notes what changes for it. Of `changes` the first belongs to vector 0, and takes
 * what changes in vector 7 once that is used, and so on.
 * @param {Func} func
 * @param {{ input: number, changes: readonly number[] }} locals
 */
function vectorSteps(func, { input, changes }) {
  const [bytes, low, high, mask] = /** @type {const} */ ([
    func.local(V128),
    func.local(V128),
    func.local(V128),
    func.local(V128),
  ]);
  const tables = makeTables().map((entries) => ({
    ...entries,
    lowTable: func.local(V128),
    highTable: func.local(V128),
  }));
  return {
    prepare: [
      set(mask, v128.const(Array.from({ length: VECTOR }, () => 0x0f))),
      tables.map(({ ofLow, ofHigh, lowTable, highTable }) => [
        set(lowTable, v128.const(ofLow)),
        set(highTable, v128.const(ofHigh)),
      ]),
    ],
    /** @param {number} vector */
    step: (vector) => [
      set(bytes, v128.xor(v128.load(get(input), vector * VECTOR), get(around(changes, vector)))),
      set(low, v128.and(get(bytes), get(mask))),
      set(high, v128.and(i16x8.shiftRight(get(bytes), 4), get(mask))),
      tables.map(({ distance, lowTable, highTable }) => {
        const looked = v128.xor(
          v128.swizzle(get(lowTable), get(low)),
          v128.swizzle(get(highTable), get(high)),
        );
        const change = around(changes, vector + distance);
        return set(change, distance === FURTHEST ? looked : v128.xor(get(change), looked));
      }),
    ],
  };
}

/** For each distance the bytes there that stand for a byte of up to 15, and for 16 times that. */
function makeTables() {
  const find = equivalents();
  const halves = Array.from({ length: 16 }, (_, half) => half);
  return DISTANCES.map((distance, at) => ({
    distance,
    ofLow: halves.map((half) => around(find(half), at)),
    ofHigh: halves.map((half) => around(find(16 * half), at)),
  }));
}

/**
 * Gives a function that finds the bytes at the distances which together leave what a byte does. That is a system of 32
 * linear equations over GF(2).
 * @returns {(byte: number) => number[]}
 */
function equivalents() {
  /** For each bit a remainder in which it is the highest, and the bits at the distances that leave it. */
  const basis = Array.from({ length: 32 }, () => ({ remainder: 0, from: 0n }));
  const reduce = (/** @type {number} */ remainder, /** @type {bigint} */ from) => {
    const found = { remainder, from };
    for (let bit = 31; bit >= 0; bit -= 1) {
      if (((found.remainder >>> bit) & 1) === 1) {
        const row = around(basis, bit);
        found.remainder = (found.remainder ^ row.remainder) >>> 0;
        found.from ^= row.from;
      }
    }
    return found;
  };
  for (let bit = 0; bit < 32; bit += 1) {
    const zeros = (FURTHEST - around(DISTANCES, bit >>> 3)) * VECTOR;
    const row = reduce(remainderOf(1 << (bit & 7), zeros), 1n << BigInt(bit));
    if (row.remainder === 0) {
      throw new Error(`Bytes at the distances ${DISTANCES.join(", ")} cannot stand for any byte`);
    }
    basis[31 - Math.clz32(row.remainder)] = row;
  }
  return (byte) => {
    const { from } = reduce(remainderOf(byte, CRC_REST), 0n);
    return DISTANCES.map((_, at) => Number(BigInt.asUintN(8, from >> BigInt(8 * at))));
  };
}

/**
 * What a byte leaves that has zeros behind it.
 * @param {number} byte
 * @param {number} zeros bytes
 */
function remainderOf(byte, zeros) {
  let remainder = around(REMAINDERS, byte);
  for (let count = 0; count < zeros; count += 1) {
    remainder = (remainder >>> 8) ^ around(REMAINDERS, remainder & 0xff);
  }
  return remainder >>> 0;
}
