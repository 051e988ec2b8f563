// Instructions of WebAssembly as bytes. Opcodes, and clauses in comments, are of the WebAssembly Core Specification 2.0,
// chapter 5 (binary format). What an instruction takes stands before its opcode, so that code is put together like a formula:
// `i32.add(get(x), i32.const(1))`.

/**
 * Bytes of code, nested as they were put together.
 * @typedef {number | readonly Code[]} Code
 */

/** Types of values (5.3.1, 5.3.2). */
export const I32 = 0x7f;
const I64 = 0x7e;
export const V128 = 0x7b;

/** A block, loop or `if` without a result (5.4.1), and the end of one. */
const NO_RESULT = 0x40;
export const END = 0x0b;
const ZERO = 0;

/**
 * A number without a sign in LEB128 (5.2.2).
 * @param {number} value
 * @returns {number[]}
 */
export function unsigned(value) {
  return value < 0x80 ? [value] : [0x80 | (value & 0x7f), ...unsigned(value >>> 7)];
}

/**
 * A number with a sign in LEB128 (5.2.2).
 * @param {bigint} value
 * @returns {number[]}
 */
function signed(value) {
  const low = Number(BigInt.asUintN(7, value));
  return value === BigInt.asIntN(7, value) ? [low] : [0x80 | low, ...signed(value >> 7n)];
}

/**
 * An operation on two values, or on more from the left on.
 * @param {Code} opcode
 */
function chain(opcode) {
  return (/** @type {Code} */ first, /** @type {Code[]} */ ...others) =>
    others.reduce((before, other) => [before, other, opcode], first);
}

/**
 * Loads from an address that may be any; `offset` is added to it.
 * @param {Code} opcode
 */
const load = (opcode) => (/** @type {Code} */ address, /** @type {number} */ offset) => [
  address,
  opcode,
  ZERO, // the alignment that is promised: none
  unsigned(offset),
];

/** @param {Code} opcode */
const store =
  (opcode) =>
  (/** @type {Code} */ address, /** @type {number} */ offset, /** @type {Code} */ value) => [
    address,
    value,
    opcode,
    ZERO,
    unsigned(offset),
  ];

/**
 * An instruction on vectors (5.4.8). None is from 256 on: those are relaxed, which gives engines a choice of results.
 * @param {number} number
 */
const simd = (number) => [0xfd, unsigned(number)];

/**
 * A shift or rotation by a number of bits that is known.
 * @param {Code} opcode
 */
function byBits(opcode) {
  return (/** @type {Code} */ value, /** @type {number} */ bits) => [
    value,
    i32.const(bits),
    opcode,
  ];
}

export const i32 = {
  type: I32,
  const: (/** @type {number} */ value) => [0x41, signed(BigInt(value | 0))],
  load: load(0x28),
  load8: load(0x2d),
  store: store(0x36),
  isAtLeast: chain(0x4f),
  add: chain(0x6a),
  sub: chain(0x6b),
  and: chain(0x71),
  xor: chain(0x73),
  shiftLeft: byBits(0x74),
  shiftRight: byBits(0x76),
  rotateRight: byBits(0x78),
};

export const i64 = {
  type: I64,
  load: load(0x29),
  store: store(0x37),
  add: chain(0x7c),
  and: chain(0x83),
  xor: chain(0x85),
  rotateRight: (/** @type {Code} */ value, /** @type {number} */ bits) => [
    value,
    [0x42, signed(BigInt(bits))],
    0x8a,
  ],
};

export const v128 = {
  load: load(simd(0)),
  store: store(simd(11)),
  /** @param {readonly number[]} bytes 16 of them */
  const: (bytes) => [simd(12), bytes],
  /** Lanes 0 to 15 are bytes of the first vector, 16 to 31 of the second. */
  shuffle: (/** @type {Code} */ one, /** @type {Code} */ other, /** @type {number[]} */ lanes) => [
    one,
    other,
    simd(13),
    lanes,
  ],
  /** The bytes of the first vector that the bytes of the second name. */
  swizzle: chain(simd(14)),
  /** The first vector with another first lane of 32 bits. */
  replaceFirst: chain([simd(28), 0]),
  and: chain(simd(78)),
  xor: chain(simd(81)),
};

/** Vectors of eight, four or two numbers. */
export const i16x8 = { shiftRight: byBits(simd(141)) };
export const i32x4 = {
  shiftLeft: byBits(simd(171)),
  shiftRight: byBits(simd(173)),
  add: chain(simd(174)),
};
export const i64x2 = {
  shiftLeft: byBits(simd(203)),
  shiftRight: byBits(simd(205)),
  add: chain(simd(206)),
};

/** @param {number} local */
export const get = (local) => [0x20, unsigned(local)];

/**
 * @param {number} local
 * @param {Code} value
 */
export const set = (local, value) => [value, 0x21, unsigned(local)];

/**
 * Sets a local, and gives the value.
 * @param {number} local
 * @param {Code} value
 */
export const tee = (local, value) => [value, 0x22, unsigned(local)];

/**
 * @param {Code} condition
 * @param {Code} code
 */
export const when = (condition, code) => [condition, 0x04, NO_RESULT, code, END];

/**
 * Runs the code once, and again as long as the condition behind it holds.
 * @param {Code} code
 * @param {Code} condition
 */
export const repeatWhile = (code, condition) => [
  [0x03, NO_RESULT],
  code,
  [condition, 0x0d, ZERO], // br_if to the loop, the innermost label
  END,
];
