import type { Uuid } from "./ids.ts";

/** The uuid (RFC 9562, version 8) of the blob of a sha512: made of the first 30 of its hexadecimal digits. */
export function blobUuidOf(sha512: string): Uuid {
  const digits = (from: number, count: number) => sha512.slice(from, from + count);
  const groups = [digits(0, 8), digits(8, 4), `8${digits(12, 3)}`, `8${digits(15, 3)}`];
  return [...groups, digits(18, 12)].join("-") as Uuid; // of its form, whatever the digits
}

/** The first 15 bytes, as hexadecimal digits, of the sha512 of a blob; null for a uuid that no blob has. */
export function sha512PrefixOf(uuid: Uuid): string | null {
  const [, ...groups] = /^(.{8})-(.{4})-8(.{3})-8(.{3})-(.{12})$/u.exec(uuid) ?? [];
  return groups.length === 0 ? null : groups.join("");
}
