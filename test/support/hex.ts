// Hexadecimal digits in Node as well, whose typed arrays cannot tell them yet.

/** Lower-case hexadecimal digits of bytes. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The bytes of hexadecimal digits. */
export function bytesOf(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}
