// Secrets at rest. What a person or client chose is hashed by scrypt; what we drew at random has nothing
// to guess, so SHA-256 keeps it.

import { scrypt } from "node:crypto";

const COST = { N: 2 ** 14, r: 8, p: 1 } as const;
const KEY_LENGTH = 32;

/** A stored hash that no secret has, to check where there is none to check: it takes the same time. */
export const NO_SECRET = `scrypt$${COST.N}$${COST.r}$${COST.p}$${zeros(16)}$${zeros(KEY_LENGTH)}`;

/** Hashes a chosen secret: `scrypt$N$r$p$salt$hash`, salt and hash in base64. Takes about 40 ms of CPU. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const hash = await derive(secret, salt, COST);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toBase64()}$${hash.toBase64()}`;
}

/** Checks a secret against what hashSecret or hashRandomSecret gave. */
export async function isSecret(secret: string, stored: string): Promise<boolean> {
  const [scheme, ...fields] = stored.split("$");
  if (scheme === "sha256") {
    return isSameDigest(await sha256(secret), Uint8Array.fromHex(fields[0] ?? ""));
  }
  const [N, r, p, salt, hash] = fields;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const derived = await derive(secret, Uint8Array.fromBase64(salt ?? ""), cost);
  return isSameDigest(derived, Uint8Array.fromBase64(hash ?? ""));
}

/** Draws a secret of 256 bits: 64 hex characters. */
export function newSecret(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** Hashes a secret that newSecret drew: `sha256$hash`. */
export async function hashRandomSecret(secret: string): Promise<string> {
  return `sha256$${(await sha256(secret)).toHex()}`;
}

/** Compares a secret with a configured one in time that tells nothing of where they differ. */
export async function isSameSecret(given: string, expected: string): Promise<boolean> {
  return isSameDigest(await sha256(given), await sha256(expected));
}

/** SHA-256 of a text. */
export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && crypto.subtle.timingSafeEqual(one, other);
}

function zeros(length: number): string {
  return new Uint8Array(length).toBase64();
}

function derive(
  secret: string,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, KEY_LENGTH, cost, (error, key) => {
      if (error === null) {
        resolve(new Uint8Array(key));
      } else {
        reject(error);
      }
    });
  });
}
