import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { askHeld, deliverPiece } from "../../artifacts/deliver.ts";
import type { Delivered, Piece } from "../../artifacts/deliver.ts";
import { takeIn } from "../../artifacts/intake.ts";
import { mayAdd, readerFor, requireSomebody } from "../../auth/access.ts";
import { RunningChecksums } from "../../blobs/checksums.ts";
import { findDestinations } from "../../catalog/contents.ts";
import type { Destination } from "../../catalog/contents.ts";
import { parseContentRange } from "../../http/content-range.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import { actorOf } from "../../protocol/identity.ts";
import { parseCount } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** The bytes of declared files. */
export const files = new Routes().put("/artifact/:id/files/*", (c) => {
  requireSomebody(c.var.identity);
  const sent = readSent(c.req.raw.headers);
  // Who may never add is refused before anything is stored.
  const mayBeWhole = sent.kind === "piece" && sent.isSmall && mayAdd(c.var.identity, ANYWHERE);
  return mayBeWhole ? putSmall(c, sent.length) : putPiece(c, sent);
});

const ANYWHERE = { writable: true };

/** A question, or bytes that are not all of a small file. */
async function putPiece(c: Context<AppEnv>, sent: Sent): Promise<Response> {
  const to = await requireFile(c);
  if (sent.size !== null && sent.size !== to.size) {
    throw new AppError("file_range_malformed", `the file has ${to.size} bytes, not ${sent.size}`);
  }
  const isQuestion = sent.kind === "question";
  if (to.isComplete) {
    await c.req.raw.body?.cancel();
    return c.body(null, isQuestion ? 200 : 201);
  }
  return isQuestion
    ? answer(c, await askHeld(c.env, to), 206)
    : answer(c, await deliver(c, to, { ...sent, body: c.req.raw.body }), 200);
}

/** A small body that may be a whole file. */
async function putSmall(c: Context<AppEnv>, length: number): Promise<Response> {
  const bytes = await readWhole(c.req.raw, length);
  const running = new RunningChecksums();
  running.update(bytes);
  const checksums = running.digests();
  const { reader, artifactId, path } = readPlace(c);
  const place = { reader, artifactId, actor: actorOf(c.var.identity) };
  const taken = await takeIn(c.env.INTAKES, place, { path, bytes, checksums });
  const { to, isStored } = valueOf(taken);
  const file = requireTarget(c, to, path);
  if (isStored || file.isComplete) {
    return c.body(null, 201);
  }
  if (length !== file.size) {
    return answer(
      c,
      await deliver(c, file, { start: 0, length, body: new Blob([bytes]).stream() }),
      200,
    );
  }
  if (checksums.sha256 !== file.sha256) {
    throw new AppError("file_content_mismatch", `sha256 ${checksums.sha256}`);
  }
  return answer(c, { ok: true, kind: "elsewhere" }, 200);
}

function deliver(c: Context<AppEnv>, to: Target, piece: Piece): Promise<Delivered> {
  const end = piece.start + piece.length;
  if (end > to.size) {
    throw new AppError("file_too_long", `the file has ${to.size} bytes, not ${end}`);
  }
  return deliverPiece(c.env, to, piece);
}

/** The file that a request is about. */
type Target = NonNullable<Destination["file"]> & { workspaceId: number };

/** What a request brings; `size` is what it says of the whole file, null for nothing. `isSmall`: it may be all of a
 * small file. */
type Sent =
  | { kind: "question"; size: number | null }
  | { kind: "piece"; size: number | null; start: number; length: number; isSmall: boolean };

function readSent(headers: Headers): Sent {
  const header = headers.get("Content-Range");
  const range = parseContentRange(header);
  if (range.kind === "malformed") {
    throw new AppError("file_range_malformed", `'${header}'`);
  }
  if (range.kind === "question") {
    return range;
  }
  const length = readLength(headers);
  if (range.kind === "none") {
    return { kind: "piece", size: null, start: 0, length, isSmall: isSmall(length) };
  }
  const { start, end, size } = range;
  if (length !== end - start) {
    throw new AppError("file_range_malformed", `'${header}' with a body of ${length} bytes`);
  }
  return { kind: "piece", size, start, length, isSmall: length === size && isSmall(length) };
}

function isSmall(length: number): boolean {
  return length > 0 && length <= LIMITS.smallFile;
}

function readLength(headers: Headers): number {
  const length = parseCount(headers.get("Content-Length") ?? "");
  if (length === null) {
    throw new AppError("upload_length_required");
  }
  return length;
}

function readPlace(c: Context<AppEnv>) {
  const artifactId = parseCount(c.req.param("id") ?? "") ?? 0;
  return { reader: readerFor(c.var.identity), artifactId, path: readPath(c.req.url) };
}

async function requireFile(c: Context<AppEnv>): Promise<Target> {
  const { reader, artifactId, path } = readPlace(c);
  const wanted = { reader, artifactId, paths: [path] };
  const [to = null] = await findDestinations(c.env.DB, wanted, null, Date.now());
  return requireTarget(c, to, path);
}

function requireTarget(c: Context<AppEnv>, to: Destination | null, path: string): Target {
  if (to === null || !to.readable) {
    throw new AppError("artifact_not_found");
  }
  if (!mayAdd(c.var.identity, to)) {
    throw new AppError("contributor_needed");
  }
  const { file } = to;
  if (file === null) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  return { ...file, workspaceId: to.workspaceId };
}

/** The path behind `/files/`, without the slash that Debusine puts at its end. */
function readPath(url: string): string {
  const [, encoded = ""] = /\/artifact\/[^/]*\/files\/(.*?)\/?$/u.exec(new URL(url).pathname) ?? [];
  try {
    return encoded.split("/").map(decodeURIComponent).join("/");
  } catch {
    throw new AppError("path_malformed", `'${encoded}'`);
  }
}

async function readWhole(request: Request, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length !== length) {
    throw new AppError("upload_body_incomplete");
  }
  return bytes;
}

/** `partial` is the status of a file that is not complete. */
async function answer(
  c: Context<AppEnv>,
  delivered: Delivered,
  partial: 200 | 206,
): Promise<Response> {
  const now = valueOf(delivered);
  switch (now.kind) {
    case "partial":
      // The end is that of no range, but the next offset: so Debusine's client reads it.
      return c.body(null, partial, { Range: `bytes=0-${now.held}` });
    case "elsewhere":
      if (!(await requireFile(c)).isComplete) {
        throw new AppError("storage_unavailable");
      }
      return c.body(null, partial === 206 ? 200 : 201);
    case "complete":
      return c.body(null, partial === 206 ? 200 : 201);
  }
}
