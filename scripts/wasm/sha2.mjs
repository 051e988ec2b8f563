// The block functions of SHA-256 and SHA-512; clauses are of FIPS 180-4. The rounds of a block work on words, one
// operation waiting for the other, which leaves a processor time: between them vectors make the message schedule of
// the next block. It lies in memory with the constants added (W + K), each word replaced once its round is over.

import { get, i32, i64x2, repeatWhile, set, tee, v128, V128, when } from "./instructions.mjs";
import { around, Func } from "./module.mjs";

/** @typedef {import("./instructions.mjs").Code} Code */
/** @typedef {import("./sha2-parameters.mjs").Sha} Sha */

/** Words of a block, and bytes of a vector. */
const BLOCK_WORDS = 16;
const VECTOR = 16;

/** The address that those of memory's things are added to. */
const ORIGIN = i32.const(0);

/**
 * Where a function finds its things in memory.
 * @typedef {object} ShaMemory
 * @property {number} state the hash value H, in words as WebAssembly stores them, the lowest byte first
 * @property {number} constants K, likewise
 * @property {number} schedule room for W + K of a block
 */

/**
 * Makes the function `<name>(input, blocks)`, which moves the hash value on by whole blocks (6.2.2, 6.4.2). It makes
 * the schedule of the block behind the last, too, of whatever is there.
 * @param {Sha} sha
 * @param {ShaMemory} memory
 */
export function shaFunction(sha, memory) {
  const { word, rounds } = sha;
  const size = sha.bits / 8;
  const lanes = VECTOR / size;
  const func = new Func(sha.name, 2);
  const [input, blocks] = /** @type {const} */ ([0, 1]);
  const variables = func.locals(word.type, 8);
  const pairs = func.locals(word.type, 2);
  const makeWords = scheduler(sha, func, { ...memory, input });
  const round = (/** @type {number} */ t) =>
    roundOf(sha, t, { variables, pairs, scheduled: word.load(ORIGIN, memory.schedule + t * size) });

  func.emit(
    when(get(blocks), [
      Array.from({ length: rounds / lanes }, (_, step) => makeWords(step)),
      variables.map((variable, at) => set(variable, word.load(ORIGIN, memory.state + at * size))),
      repeatWhile(
        [
          set(input, i32.add(get(input), i32.const(BLOCK_WORDS * size))),
          set(around(pairs, 1), word.xor(get(around(variables, 1)), get(around(variables, 2)))),
          Array.from({ length: rounds / lanes }, (_, step) => [
            Array.from({ length: lanes }, (__, lane) => round(step * lanes + lane)),
            makeWords(step),
          ]),
          variables.map((variable, at) => {
            const place = memory.state + at * size; // step 4
            const sum = word.add(get(variable), word.load(ORIGIN, place));
            return word.store(ORIGIN, place, tee(variable, sum));
          }),
        ],
        tee(blocks, i32.sub(get(blocks), i32.const(1))),
      ),
    ]),
  );
  return func;
}

/**
 * Round t of step 3. No value goes from variable to variable, the names do: what was h is a in the next round. They are
 * back after eight rounds, and so at the end of a block. One of the pairs is b ^ c, the other becomes a ^ b, which is
 * b ^ c of the next round.
 * @param {Sha} sha
 * @param {number} t
 * @param {{ variables: readonly number[], pairs: readonly number[], scheduled: Code }} things
 * @returns {Code}
 */
function roundOf({ word, rounds, bigSigma0, bigSigma1 }, t, { variables, pairs, scheduled }) {
  const named = (/** @type {string} */ letter) =>
    around(variables, "abcdefgh".indexOf(letter) + rounds - t);
  const [a, b, d, e] = /** @type {const} */ ([named("a"), named("b"), named("d"), named("e")]);
  const [f, g, h] = /** @type {const} */ ([named("f"), named("g"), named("h")]);
  const [ab, bc] = /** @type {const} */ ([around(pairs, t), around(pairs, t + 1)]);
  const bigSigma = (/** @type {number} */ x, /** @type {Sha["bigSigma0"]} */ [p, q, r]) =>
    word.xor(word.rotateRight(get(x), p), word.rotateRight(get(x), q), word.rotateRight(get(x), r));
  // Ch and Maj (4.1.2) in fewer operations.
  const choice = word.xor(word.and(word.xor(get(f), get(g)), get(e)), get(g));
  const majority = word.xor(word.and(get(bc), get(ab)), get(b));
  return [
    set(h, word.add(get(h), scheduled, choice, bigSigma(e, bigSigma1))), // T1
    set(d, word.add(get(d), get(h))),
    set(ab, word.xor(get(a), get(b))),
    set(h, word.add(get(h), word.add(majority, bigSigma(a, bigSigma0)))), // T1 + T2
  ];
}

/**
 * Step 1, a vector of words at a time: gives for each number of a step the code that makes those words of the block at
 * `input` and stores them with K. Steps follow each other; of the words before, the last sixteen are at hand.
 * @param {Sha} sha
 * @param {Func} func
 * @param {ShaMemory & { input: number }} memory
 * @returns {(step: number) => Code}
 */
function scheduler(sha, func, { input, constants, schedule }) {
  const size = sha.bits / 8;
  const words = func.locals(V128, (BLOCK_WORDS * size) / VECTOR);
  const next = sha.bits === 32 ? nextWords32(sha, func) : nextWords64(sha, func);
  const bigEndian = v128.const(bytesOf((at) => at ^ (size - 1)));
  return (step) => {
    const made = around(words, step);
    const fresh =
      step < words.length
        ? set(made, v128.swizzle(v128.load(get(input), step * VECTOR), bigEndian))
        : next((vector) => around(words, step + vector));
    const sum = sha.vector.add(get(made), v128.load(ORIGIN, constants + step * VECTOR));
    return [fresh, v128.store(ORIGIN, schedule + step * VECTOR, sum)];
  };
}

/** @typedef {(at: (vector: number) => number) => Code} NextWords replaces at(0), the oldest of sixteen words, by new ones */

/**
 * W[t] = W[t-16] + W[t-7] + σ0(W[t-15]) + σ1(W[t-2]), two words at a time.
 * @param {Sha} sha
 * @param {Func} func
 * @returns {NextWords}
 */
function nextWords64(sha, func) {
  const x = func.local(V128);
  return (at) => {
    const sigma0 = sigma(sha, x, behind(sha, at(0), at(1)), sha.sigma0);
    const sigma1 = sigma(sha, x, get(at(7)), sha.sigma1);
    return set(at(0), sha.vector.add(get(at(0)), behind(sha, at(4), at(5)), sigma0, sigma1));
  };
}

/**
 * The same four words at a time, of which the last two need σ1 of the first two.
 * @param {Sha} sha
 * @param {Func} func
 * @returns {NextWords}
 */
function nextWords32(sha, func) {
  const [x, firstTwo] = /** @type {const} */ ([func.local(V128), func.local(V128)]);
  const { add, shiftRight } = sha.vector;
  /** σ1 of the words in two lanes, in both halves of the vector. */
  const sigma1 = (/** @type {number} */ vector, /** @type {number[]} */ lanes) => {
    const [p, q, shift] = sha.sigma1;
    // In a lane of 64 bits that holds a word twice, a shift rotates the lower one.
    const twice = v128.shuffle(get(vector), get(vector), lanesOf(lanes.flatMap((n) => [n, n])));
    const rotated = v128.xor(i64x2.shiftRight(get(x), p), i64x2.shiftRight(get(x), q));
    return [
      set(x, twice),
      set(x, v128.xor(rotated, shiftRight(get(x), shift))),
      v128.shuffle(get(x), get(x), lanesOf([0, 2, 0, 2])),
    ];
  };
  return (at) => {
    const sigma0 = sigma(sha, x, behind(sha, at(0), at(1)), sha.sigma0);
    return [
      set(at(0), add(get(at(0)), behind(sha, at(2), at(3)), sigma0)),
      set(firstTwo, add(get(at(0)), sigma1(at(3), [2, 3]))),
      set(at(0), add(get(at(0)), sigma1(firstTwo, [0, 1]))),
      set(at(0), v128.shuffle(get(firstTwo), get(at(0)), lanesOf([0, 1, 6, 7]))),
    ];
  };
}

/**
 * σ0 or σ1 of all words of a vector, by way of the local `x`: vectors have no rotation.
 * @param {Sha} sha
 * @param {number} x
 * @param {Code} vector
 * @param {Sha["sigma0"]} amounts
 * @returns {Code}
 */
function sigma({ vector: { shiftLeft, shiftRight }, bits }, x, vector, [p, q, shift]) {
  return v128.xor(
    v128.xor(shiftRight(tee(x, vector), p), shiftLeft(get(x), bits - p)),
    v128.xor(shiftRight(get(x), q), shiftLeft(get(x), bits - q)),
    shiftRight(get(x), shift),
  );
}

/**
 * The words one behind those of a vector.
 * @param {Sha} sha
 * @param {number} vector
 * @param {number} next
 */
function behind({ bits }, vector, next) {
  return v128.shuffle(
    get(vector),
    get(next),
    bytesOf((at) => at + bits / 8),
  );
}

/** @param {(at: number) => number} byteAt */
function bytesOf(byteAt) {
  return Array.from({ length: VECTOR }, (_, at) => byteAt(at));
}

/** @param {readonly number[]} lanes of 32 bits */
function lanesOf(lanes) {
  return lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte));
}
