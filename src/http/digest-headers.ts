// The headers by which a request or reply says which digest its body has: Content-Digest and Repr-Digest (RFC 9530), Digest
// (RFC 3230) and Content-MD5 (RFC 1864). Each digest whose algorithm is known counts. A header without one is refused: its
// client asked for a check that would not be made.

import type { BodyDigest, DigestAlgorithm } from "../protocol/body-promise.ts";

const LENGTHS: Record<DigestAlgorithm, number> = { sha512: 64, sha256: 32, sha1: 20, md5: 16 };

/** By the names that headers give them. RFC 9530 has MD5 and SHA-1 for what no harm is meant to. */
const ALGORITHMS: Record<string, DigestAlgorithm> = {
  "sha-512": "sha512",
  "sha-256": "sha256",
};
const OLD_ALGORITHMS: Record<string, DigestAlgorithm> = { ...ALGORITHMS, sha: "sha1", md5: "md5" };

/** The headers that speak of the content of this message. */
const OF_CONTENT = ["Content-Digest", "Content-MD5"] as const;

/** The headers that speak of the whole that the content may be a part of. */
const OF_WHOLE = ["Repr-Digest", "Digest"] as const;

type HeaderName = (typeof OF_CONTENT)[number] | (typeof OF_WHOLE)[number];

/** What is promised, and the last header that cannot be held against the body, which is a part where `isPart`. */
export function readDigests(
  headers: Headers,
  isPart: boolean,
): { digests: BodyDigest[]; unreadable: HeaderName | null } {
  const digests: BodyDigest[] = [];
  let unreadable: HeaderName | null = null;
  for (const name of [...OF_CONTENT, ...OF_WHOLE]) {
    const text = headers.get(name);
    const isUnknown = isPart && (OF_WHOLE as readonly string[]).includes(name);
    const found = text === null || isUnknown ? [] : readHeader(name, text);
    const read = found.filter((digest) => digest !== null);
    digests.push(...read);
    if (text !== null && (read.length === 0 || read.length < found.length)) {
      unreadable = name;
    }
  }
  return { digests, unreadable };
}

/** The digests in a header whose algorithms are known; null in the place of one that cannot be read. */
function readHeader(name: HeaderName, text: string): (BodyDigest | null)[] {
  switch (name) {
    case "Content-MD5":
      return [toDigest("md5", text.trim())];
    case "Digest":
      return known(readInstanceDigests(text), OLD_ALGORITHMS);
    case "Content-Digest":
    case "Repr-Digest":
      return known(readDictionary(text), ALGORITHMS);
  }
}

/** Members in base64 by their names: a dictionary of byte sequences (RFC 9651 §3.2). */
function readDictionary(text: string): Map<string, string> {
  const members = text.matchAll(/(?:^|,)\s*([a-z*][\w.*-]*)=:([A-Za-z0-9+/=]*):/gu);
  return new Map([...members].map(([, name = "", value = ""]) => [name, value]));
}

/** The same of `SHA-256=…,MD5=…`; names are in any case (RFC 3230 §4.1.1). */
function readInstanceDigests(text: string): Map<string, string> {
  return new Map(
    text.split(",").map((member) => {
      const [name = "", ...value] = member.trim().split("=");
      return [name.toLowerCase(), value.join("=")];
    }),
  );
}

function known(
  members: Map<string, string>,
  algorithms: Record<string, DigestAlgorithm>,
): (BodyDigest | null)[] {
  return Object.entries(algorithms).flatMap(([name, algorithm]) => {
    const value = members.get(name);
    return value === undefined ? [] : [toDigest(algorithm, value)];
  });
}

function toDigest(algorithm: DigestAlgorithm, encoded: string): BodyDigest | null {
  try {
    const bytes = Uint8Array.fromBase64(encoded);
    return bytes.length === LENGTHS[algorithm] ? { algorithm, hex: bytes.toHex() } : null;
  } catch {
    return null;
  }
}
