// The uuid of an upload that a client opens says by itself that this service made it: its last 48 bits are a MAC of the
// others. So a uuid that somebody made up wakes no upload object, and no append asks the catalog.

import type { Uuid } from "../protocol/ids.ts";
import { newUuid } from "../protocol/ids.ts";
import { Memory } from "./memory.ts";

/** Hex digits of the MAC: who guesses one at 300 a second takes some 15,000 years. */
const MAC_LENGTH = 12;

/** Uuids that were found to be ours a moment ago. */
const known = new Memory<true>();

let imported: { secret: string; key: CryptoKey } | null = null;

/** Draws the uuid of a new upload. */
export async function newUploadUuid(secret: string): Promise<Uuid> {
  const random = newUuid().slice(0, -MAC_LENGTH);
  return (random + (await macOf(random, secret))) as Uuid;
}

/** The uuid of the upload that some text stands for: for the same text always the same. */
export async function uploadUuidOf(text: string, secret: string): Promise<Uuid> {
  const digits = new Uint8Array(await sign(`bundle ${text}`, secret)).toHex();
  const [one, two, three, four] = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(13, 16),
    digits.slice(17, 20),
  ];
  const random = `${one}-${two}-4${three}-8${four}-`;
  return (random + (await macOf(random, secret))) as Uuid;
}

/** Was this drawn here, with this secret? */
export async function isUploadUuid(uuid: Uuid, secret: string, now: number): Promise<boolean> {
  if (known.get(uuid, now) === true) {
    return true;
  }
  const isOurs = uuid.endsWith(await macOf(uuid.slice(0, -MAC_LENGTH), secret));
  if (isOurs) {
    known.add(uuid, true, now);
  }
  return isOurs;
}

async function macOf(random: string, secret: string): Promise<string> {
  const mac = await sign(`upload ${random}`, secret);
  return new Uint8Array(mac).toHex().slice(0, MAC_LENGTH);
}

/** No text that the secret signs elsewhere begins as those here. */
async function sign(text: string, secret: string): Promise<ArrayBuffer> {
  return crypto.subtle.sign("HMAC", await keyOf(secret), new TextEncoder().encode(text));
}

async function keyOf(secret: string): Promise<CryptoKey> {
  if (imported?.secret !== secret) {
    const bytes = new TextEncoder().encode(secret);
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    imported = {
      secret,
      key: await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]),
    };
  }
  return imported.key;
}
