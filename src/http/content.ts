// The one place where preconditions and ranges become responses: 200, 206, 304, 412 or 416. It does
// not know where bytes come from and never holds more of them than one chunk.

import { contentRange, planByteranges } from "./byteranges.ts";
import { formatHttpDate } from "./http-date.ts";
import { decidePreconditions, mayUseRange, type Validators } from "./preconditions.ts";
import { parseRange, type RangeChoice, type Slice } from "./range.ts";
import { bodyOfLength, bodyOfUnknownLength, writeBytes } from "./stream-bytes.ts";

/** Bytes that can be sent whole or in slices: a file, a blob, a computed archive. */
export interface ByteSource extends Validators {
  size: number;
  /** The value of Repr-Digest (RFC 9530) for the whole, or null when it is not known. */
  reprDigest: string | null;
  /**
   * Writes the bytes [start, end) into `to` and leaves it open; rejects when they cannot all be
   * sent. Either way no lock on `to` stays behind.
   */
  send(start: number, end: number, to: WritableStream<Uint8Array>): Promise<void>;
}

/**
 * Answers a GET or HEAD for a source: all of it, the slices asked for, or why neither is sent.
 * `headers` say what the bytes are and how to treat them (Content-Type, Content-Disposition,
 * Cache-Control, Vary, ...); length, range, validators and digest are added here.
 */
export function respondWithBytes(request: Request, source: ByteSource, headers: Headers): Response {
  const decision = decidePreconditions(request.headers, request.method, source);
  if (decision === "failed") {
    return refuse(412, source, headers);
  }
  if (decision === "not-modified") {
    return new Response(null, { status: 304, headers: withoutContent(source, headers) });
  }
  return sendSelected(request, source, headers);
}

/**
 * Answers 200 with the bytes of `slice` as if they were all there is, in chunks without a length.
 * It has no validators and no digest: those of the source are true of the whole only.
 */
export function respondWithStream(
  request: Request,
  source: ByteSource,
  slice: Slice,
  headers: Headers,
): Response {
  const isHead = request.method === "HEAD";
  const body = isHead ? null : bodyOfUnknownLength((to) => sendSlice(source, slice, to));
  return new Response(body, { headers: uncompressed(new Headers(headers)) });
}

function sendSelected(request: Request, source: ByteSource, headers: Headers): Response {
  const reply = describe(source, headers);
  if (request.method === "HEAD") {
    // RFC 9110 §9.3.2: as for GET; §14.2: Range is defined for GET only.
    return new Response(null, { headers: sized(reply, source.size) });
  }
  const choice = chooseRange(request.headers, source);
  if (choice.kind === "unsatisfiable") {
    return refuse(416, source, headers);
  }
  return choice.kind === "whole"
    ? respondWithSlice(200, source, { start: 0, end: source.size }, reply)
    : respondWithSlices(source, choice.slices, reply);
}

function chooseRange(headers: Headers, source: ByteSource): RangeChoice {
  // RFC 9110 §13.2.2 step 5: a Range whose If-Range does not hold is ignored.
  return mayUseRange(headers.get("If-Range"), source)
    ? parseRange(headers.get("Range"), source.size)
    : { kind: "whole" };
}

function respondWithSlices(
  source: ByteSource,
  slices: readonly Slice[],
  headers: Headers,
): Response {
  const [first, ...others] = slices;
  if (first !== undefined && others.length === 0) {
    headers.set("Content-Range", contentRange(first, source.size));
    return respondWithSlice(206, source, first, headers);
  }
  // RFC 9110 §15.3.7.2: several ranges have their Content-Range in the parts, none up here.
  const plan = planByteranges(slices, source.size, headers.get("Content-Type"));
  headers.set("Content-Type", plan.contentType);
  const body = bodyOfLength(plan.length, async (to) => {
    for (const { head, slice } of plan.parts) {
      await writeBytes(to, head);
      await sendSlice(source, slice, to);
    }
    await writeBytes(to, plan.tail);
  });
  return new Response(body, { status: 206, headers: sized(headers, plan.length) });
}

function respondWithSlice(
  status: 200 | 206,
  source: ByteSource,
  slice: Slice,
  headers: Headers,
): Response {
  const length = slice.end - slice.start;
  const body = bodyOfLength(length, (to) => sendSlice(source, slice, to));
  return new Response(body, { status, headers: sized(headers, length) });
}

async function sendSlice(
  source: ByteSource,
  { start, end }: Slice,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  // R2 has no empty reads: an offset at the end throws.
  if (start < end) {
    await source.send(start, end, to);
  }
}

/** The caller's headers and what is true of the source whichever of its bytes are sent. */
function describe(source: ByteSource, headers: Headers): Headers {
  const reply = new Headers(headers);
  reply.set("ETag", source.etag);
  reply.set("Last-Modified", formatHttpDate(source.lastModified));
  reply.set("Accept-Ranges", "bytes");
  if (source.reprDigest !== null) {
    reply.set("Repr-Digest", source.reprDigest);
  }
  return reply;
}

function sized(headers: Headers, length: number): Headers {
  headers.set("Content-Length", String(length));
  return uncompressed(headers);
}

/**
 * Keeps the server in front from compressing: it takes text for compressible, drops its length and
 * leaves a strong ETag on other bytes. It does not touch what already names a coding.
 */
function uncompressed(headers: Headers): Headers {
  if (/^(?:text\/|multipart\/byteranges)/i.test(headers.get("Content-Type") ?? "")) {
    headers.set("Content-Encoding", "identity");
  }
  return headers;
}

/** The caller's headers and the ETag, without those that speak of bytes (RFC 9110 §15.4.5). */
function withoutContent(source: ByteSource, headers: Headers): Headers {
  const reply = new Headers(headers);
  reply.set("ETag", source.etag);
  reply.delete("Content-Type");
  reply.delete("Content-Disposition");
  return reply;
}

function refuse(status: 412 | 416, source: ByteSource, headers: Headers): Response {
  const reply = withoutContent(source, headers);
  // What a cache may keep is the bytes: a kept refusal would answer those who ask for the whole.
  reply.set("Cache-Control", "no-store");
  if (status === 416) {
    reply.set("Content-Range", `bytes */${source.size}`); // RFC 9110 §15.5.17
  }
  return new Response(null, { status, headers: reply });
}
