import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { askHeld, deliverPiece } from "../../artifacts/deliver.ts";
import type { Delivered, Piece } from "../../artifacts/deliver.ts";
import { takeIn } from "../../artifacts/intake.ts";
import { mayAdd, readerFor, requireSomebody } from "../../auth/access.ts";
import { Memory } from "../../auth/memory.ts";
import { RunningChecksums } from "../../blobs/checksums.ts";
import { findDestinations } from "../../catalog/contents.ts";
import type { Destination } from "../../catalog/contents.ts";
import { readerParameters } from "../../catalog/reader.ts";
import { BodyCheck } from "../../http/body-check.ts";
import { useBytes } from "../../http/read-body.ts";
import type { BodyPromise } from "../../protocol/body-promise.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { actorOf } from "../../protocol/identity.ts";
import { parseCount } from "../../protocol/ids.ts";
import { readSent } from "./sent-piece.ts";
import type { Sent, SentPiece } from "./sent-piece.ts";

/** The bytes of declared files. */
export const files = new Routes().put("/artifact/:id/files/*", (c) => {
  requireSomebody(c.var.identity);
  const sent = readSent(c.req.raw.headers);
  const { body } = c.req.raw;
  const mayBeWhole = sent.kind === "piece" && sent.isSmall && body !== null;
  return mayBeWhole ? putSmall(c, body, sent) : putPiece(c, sent);
});

/** Artifacts that took a file of a reader a moment ago. */
const places = new Memory<true>();

/** Refuses what is for no file before anything of it is read, and before there is an intake object for it. */
async function requirePlace(c: Context<AppEnv>): Promise<void> {
  const { reader, artifactId } = readPlace(c);
  const name = JSON.stringify([artifactId, ...readerParameters(reader)]);
  const now = Date.now();
  if (places.get(name, now) === null) {
    await requireFile(c);
    places.add(name, true, now);
  }
}

/** A question, or bytes that are not all of a small file. */
async function putPiece(c: Context<AppEnv>, sent: Sent): Promise<Response> {
  const to = await requireFile(c);
  if (sent.size !== null && sent.size !== to.size) {
    throw new AppError("file_range_malformed", `the file has ${to.size} bytes, not ${sent.size}`);
  }
  const isQuestion = sent.kind === "question";
  if (to.isComplete) {
    await (isQuestion ? c.req.raw.body?.cancel() : passOver(c.req.raw.body, sent.promise));
    return c.body(null, isQuestion ? 200 : 201);
  }
  return isQuestion
    ? answer(c, await askHeld(c.env, to), 206)
    : answer(c, await deliver(c, to, { ...sent, body: c.req.raw.body }), 200);
}

/** A small body that may be a whole file. */
async function putSmall(
  c: Context<AppEnv>,
  body: ReadableStream<Uint8Array>,
  { length, promise }: SentPiece,
): Promise<Response> {
  await requirePlace(c);
  return useBytes(body, length, (bytes) => putBytes(c, bytes, promise));
}

async function putBytes(
  c: Context<AppEnv>,
  bytes: Uint8Array,
  promise: BodyPromise,
): Promise<Response> {
  const { length } = bytes;
  const check = new BodyCheck(promise);
  requirePromised(check.update(bytes) ?? check.finish());
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

/** Refuses what turned out not to be what was promised. */
function requirePromised(refusal: ErrorCode | null): void {
  if (refusal !== null) {
    throw new AppError(refusal);
  }
}

/** Leaves a body that nothing needs any more; what was promised of it is held against it all the same. */
async function passOver(
  body: ReadableStream<Uint8Array> | null,
  promise: BodyPromise,
): Promise<void> {
  if (promise.boundary === null && promise.digests.length === 0) {
    await body?.cancel();
    return;
  }
  const check = new BodyCheck(promise);
  for await (const chunk of body ?? []) {
    requirePromised(check.update(chunk));
  }
  requirePromised(check.finish());
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
