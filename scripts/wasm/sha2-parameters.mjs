// What distinguishes SHA-256 from SHA-512; clauses are of FIPS 180-4.

import { i32, i32x4, i64, i64x2 } from "./instructions.mjs";

const PRIMES = firstPrimes(80);

/**
 * One of the two. Rotations and shifts are to the right.
 * @typedef {object} Sha
 * @property {"sha256" | "sha512"} name of the function
 * @property {typeof i32 | typeof i64} word instructions on a word
 * @property {typeof i32x4 | typeof i64x2} vector instructions on a vector of words
 * @property {number} bits of a word
 * @property {number} rounds of a block
 * @property {readonly [number, number, number]} bigSigma0 the rotations of Σ0
 * @property {readonly [number, number, number]} bigSigma1 those of Σ1
 * @property {readonly [number, number, number]} sigma0 two rotations and the shift of σ0
 * @property {readonly [number, number, number]} sigma1 those of σ1
 * @property {readonly bigint[]} constants K
 * @property {readonly bigint[]} initial the hash value of nothing, H(0)
 */

/**
 * 4.1.2, 4.2.2, 5.3.3.
 * @type {Sha}
 */
export const SHA256 = {
  name: "sha256",
  word: i32,
  vector: i32x4,
  bits: 32,
  rounds: 64,
  bigSigma0: [2, 13, 22],
  bigSigma1: [6, 11, 25],
  sigma0: [7, 18, 3],
  sigma1: [17, 19, 10],
  constants: PRIMES.slice(0, 64).map((prime) => fractionOfRoot(prime, 3n, 32)),
  initial: PRIMES.slice(0, 8).map((prime) => fractionOfRoot(prime, 2n, 32)),
};

/**
 * 4.1.3, 4.2.3, 5.3.5.
 * @type {Sha}
 */
export const SHA512 = {
  name: "sha512",
  word: i64,
  vector: i64x2,
  bits: 64,
  rounds: 80,
  bigSigma0: [28, 34, 39],
  bigSigma1: [14, 18, 41],
  sigma0: [1, 8, 7],
  sigma1: [19, 61, 6],
  constants: PRIMES.map((prime) => fractionOfRoot(prime, 3n, 64)),
  initial: PRIMES.slice(0, 8).map((prime) => fractionOfRoot(prime, 2n, 64)),
};

/** @param {number} count */
function firstPrimes(count) {
  /** @type {number[]} */
  const primes = [];
  for (let n = 2; primes.length < count; n += 1) {
    if (primes.every((prime) => n % prime !== 0)) {
      primes.push(n);
    }
  }
  return primes;
}

/**
 * The first bits of the fractional part of a number's root, exactly.
 * @param {number} number
 * @param {bigint} degree 2n of the square root, 3n of the cube root
 * @param {number} bits
 */
function fractionOfRoot(number, degree, bits) {
  const scaled = BigInt(number) << (BigInt(bits) * degree);
  let root = 0n;
  // Roots of the first 80 primes are below 2 ** 5.
  for (let bit = 1n << BigInt(bits + 4); bit > 0n; bit >>= 1n) {
    root |= (root | bit) ** degree <= scaled ? bit : 0n;
  }
  return BigInt.asUintN(bits, root);
}
