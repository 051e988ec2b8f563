import type { Settings } from "../settings.ts";

/** What a hash is for: no hash of one purpose is one of another. */
type Purpose = "login gate" | "key gate" | "key" | "device" | "network";

/** HMAC-SHA-256 of some texts, in hex, under a key that is derived from TOKEN_SECRET for one purpose. Whoever reads the
 * catalog alone cannot try texts against it; a new TOKEN_SECRET makes other hashes. */
export async function keyedHash(
  { tokenSecret }: Settings,
  purpose: Purpose,
  ...texts: readonly (string | number)[]
): Promise<string> {
  const key = await hmac(encode(tokenSecret), `stowage ${purpose}`);
  return (await hmac(key, JSON.stringify(texts))).toHex();
}

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encode(text)));
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
