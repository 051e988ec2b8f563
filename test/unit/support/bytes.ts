/** `length` bytes that depend on `seed`: the same every time, and unlike those of another seed. */
export function bytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let index = 0; index < words.length; index += 1) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Lower-case hex of a native digest: independent of our own hashing. */
export async function hexDigest(algorithm: "SHA-256" | "SHA-512", data: Uint8Array) {
  return new Uint8Array(await crypto.subtle.digest(algorithm, data)).toHex();
}
