import { AppError } from "../protocol/errors.ts";
import type { AppendTerms } from "../protocol/uploads.ts";

const LENGTHS = { sha512: 64, sha256: 32 } as const;

/** Reads a Content-Digest header (RFC 9530 §2), the strongest algorithm that we know of those in it. Refuses
 * one without any: the client asked for a check that would not be made. */
export function parseContentDigest(header: string | null): AppendTerms["digest"] {
  if (header === null) {
    return null;
  }
  for (const algorithm of ["sha512", "sha256"] as const) {
    const member = algorithm.replace("sha", "sha-");
    const encoded = new RegExp(`(?:^|,)\\s*${member}=:([A-Za-z0-9+/=]*):`, "u").exec(header)?.[1];
    if (encoded !== undefined) {
      return { algorithm, bytes: decode(encoded, LENGTHS[algorithm]) };
    }
  }
  throw new AppError("upload_digest_malformed");
}

function decode(encoded: string, length: number): Uint8Array {
  try {
    const bytes = Uint8Array.fromBase64(encoded);
    if (bytes.length === length) {
      return bytes;
    }
  } catch {
    // Not base64: refused below like a digest of another length.
  }
  throw new AppError("upload_digest_malformed", `${length} bytes in base64 are needed`);
}
