// What a zip calls a member (APPNOTE.TXT 6.3.10, appendix D): UTF-8, or code page 437 where it cannot be that. Info-ZIP's Unicode
// Path field (0x7075, section 4.6.9) has the name in UTF-8 beside one in another code page.

import { decodeName } from "./member-path.ts";

/** The upper half of code page 437, from 0x80 on. */
const CP437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0";

/** Systems that have backslashes between folders: FAT, HPFS, NTFS by two numbers, VFAT. */
const DOS = new Set([0, 6, 10, 11, 14]);

/** Decodes a name; `path` is the Unicode Path field, if there is one, and `host` the system that made the entry. */
export function zipName(bytes: Uint8Array, path: Uint8Array | null, host: number): string {
  const name = unicodePath(bytes, path) ?? decodeName(bytes) ?? fromCodePage(bytes);
  // As unzip: where there is a slash, a backslash is one.
  return DOS.has(host) && !name.includes("/") ? name.replaceAll("\\", "/") : name;
}

/** The name in a Unicode Path field, which counts as long as it is about the same name. */
function unicodePath(bytes: Uint8Array, field: Uint8Array | null): string | null {
  if (field === null || field.length <= 5 || field[0] !== 1) {
    return null;
  }
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength);
  return view.getUint32(1, true) === crc32(bytes) ? decodeName(field.subarray(5)) : null;
}

function fromCodePage(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : (CP437[byte - 0x80] ?? ""),
  ).join("");
}

/** The CRC-32 of a few bytes, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
    }
  }
  return (crc ^ -1) >>> 0;
}
