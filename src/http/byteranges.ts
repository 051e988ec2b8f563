// The body of a 206 with several ranges (RFC 9110 §14.6, RFC 2046 §5.1), planned before a byte is
// sent so that its length is known.

import type { Slice } from "./range.ts";

/** A multipart/byteranges body: each part is `head`, then the bytes of `slice`; `tail` ends it. */
export interface Byteranges {
  contentType: string;
  length: number;
  parts: readonly { head: Uint8Array; slice: Slice }[];
  tail: Uint8Array;
}

/** Plans the body for `slices` of a representation of `size` bytes and the given media type. */
export function planByteranges(
  slices: readonly Slice[],
  size: number,
  partType: string | null,
): Byteranges {
  // Random, because whoever chose the bytes must not be able to write a delimiter into them.
  const boundary = crypto.randomUUID();
  const encoder = new TextEncoder();
  const typeLine = partType === null ? "" : `Content-Type: ${partType}\r\n`;
  const parts = slices.map((slice, index) => {
    const delimiter = `${index === 0 ? "" : "\r\n"}--${boundary}\r\n`;
    const rangeLine = `Content-Range: ${contentRange(slice, size)}\r\n`;
    return { head: encoder.encode(`${delimiter}${typeLine}${rangeLine}\r\n`), slice };
  });
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
  const length = parts.reduce(
    (sum, { head, slice }) => sum + head.byteLength + slice.end - slice.start,
    tail.byteLength,
  );
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, parts, tail };
}

/** The value of Content-Range for a slice (RFC 9110 §14.4), where the last position is inclusive. */
export function contentRange(slice: Slice, size: number): string {
  return `bytes ${slice.start}-${slice.end - 1}/${size}`;
}
