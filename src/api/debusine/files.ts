import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { askHeld, deliverPiece } from "../../artifacts/deliver.ts";
import type { Awaited, Delivered, Piece } from "../../artifacts/deliver.ts";
import { readManifest } from "../../artifacts/manifests.ts";
import { mayAdd, readerFor, requireSomebody } from "../../auth/access.ts";
import { Memory } from "../../auth/memory.ts";
import { RunningChecksums } from "../../blobs/checksums.ts";
import { findDestination } from "../../catalog/artifacts/bundles.ts";
import type { BundleVersion, Rights } from "../../catalog/artifacts/bundles.ts";
import { findDraftFile, takeIn } from "../../drafts/call-draft.ts";
import type { DraftFile, SmallFile } from "../../drafts/store-pack.ts";
import { BodyCheck } from "../../http/body-check.ts";
import { useBytes } from "../../http/read-body.ts";
import type { BodyPromise } from "../../protocol/body-promise.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { actorOf } from "../../protocol/identity.ts";
import { parseCount } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
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

/** The drafts of artifacts that took a file of a reader a moment ago. */
const places = new Memory<Uuid>();

function placeName(c: Context<AppEnv>): string {
  const { reader, artifactId } = readPlace(c);
  return JSON.stringify([artifactId, reader.all, reader.workspaceId, reader.userId]);
}

/** The draft that a file goes to, null when it is sealed. Refuses what is for no file before anything of it is read. */
async function requirePlace(c: Context<AppEnv>): Promise<Uuid | null> {
  const now = Date.now();
  const known = places.get(placeName(c), now);
  if (known !== null) {
    return known;
  }
  const { draft } = await requireFile(c);
  if (draft !== null) {
    places.add(placeName(c), draft, now);
  }
  return draft;
}

/** A question, or bytes that are not all of a small file. */
async function putPiece(c: Context<AppEnv>, sent: Sent): Promise<Response> {
  const to = await requireFile(c);
  if (sent.size !== null && sent.size !== to.size) {
    throw new AppError("file_range_malformed", `the file has ${to.size} bytes, not ${sent.size}`);
  }
  const isQuestion = sent.kind === "question";
  const { awaited } = to;
  if (awaited === null) {
    await (isQuestion ? c.req.raw.body?.cancel() : passOver(c.req.raw.body, sent.promise));
    return c.body(null, isQuestion ? 200 : 201);
  }
  return isQuestion
    ? answer(c, await askHeld(c.env, awaited), 206)
    : answer(c, await deliver(c, awaited, { ...sent, body: c.req.raw.body }), 200);
}

/** A small body that may be a whole file. */
async function putSmall(
  c: Context<AppEnv>,
  body: ReadableStream<Uint8Array>,
  { length, promise }: SentPiece,
): Promise<Response> {
  const draft = await requirePlace(c);
  return useBytes(c.req.raw, body, length, (bytes) => putBytes(c, draft, bytes, promise));
}

async function putBytes(
  c: Context<AppEnv>,
  draft: Uuid | null,
  bytes: Uint8Array,
  promise: BodyPromise,
): Promise<Response> {
  const { length } = bytes;
  const check = new BodyCheck(promise);
  requirePromised(check.update(bytes) ?? check.finish());
  const running = new RunningChecksums();
  running.update(bytes);
  const checksums = running.digests();
  const file = await takeFile(c, draft, { path: readPlace(c).path, bytes, checksums });
  if (file.isComplete) {
    return c.body(null, 201);
  }
  if (length !== file.size) {
    const { awaited } = await requireFile(c);
    const piece = { start: 0, length, body: new Blob([bytes]).stream() };
    return awaited === null ? c.body(null, 201) : answer(c, await deliver(c, awaited, piece), 200);
  }
  if (checksums.sha256 !== file.sha256) {
    throw new AppError("file_content_mismatch", `sha256 ${checksums.sha256}`);
  }
  return answer(c, { ok: true, kind: "elsewhere" }, 200);
}

/** Gives a small file to its draft, and says what the file is then. */
async function takeFile(
  c: Context<AppEnv>,
  draft: Uuid | null,
  file: SmallFile,
): Promise<DraftFile> {
  const { reader } = readPlace(c);
  const delivery = { reader, file, actor: actorOf(c.var.identity) };
  const taken =
    draft === null
      ? { kind: "gone" as const }
      : valueOf(await takeIn(c.env.DRAFTS, draft, delivery));
  if (taken.kind === "gone") {
    places.remove(placeName(c));
    return requireFile(c);
  }
  const known = requireKnown(c, taken, taken.file, file.path);
  return { ...known, isComplete: known.isComplete || taken.isStored };
}

function deliver(c: Context<AppEnv>, to: Awaited, piece: Piece): Promise<Delivered> {
  const end = piece.start + piece.length;
  if (end > to.size) {
    throw new AppError("file_too_long", `the file has ${to.size} bytes, not ${end}`);
  }
  return deliverPiece(c.env, to, piece);
}

/** The file that a request is about. */
interface Target extends DraftFile {
  /** Where it comes into; null: the version is sealed. */
  draft: Uuid | null;
  /** How its bytes come; null: they are there. */
  awaited: Awaited | null;
}

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
  for (let round = 1; ; round += 1) {
    const found = await findFile(c);
    if (found !== "gone") {
      return found;
    }
    if (round === LIMITS.storageAttempts) {
      throw new AppError("storage_unavailable");
    }
  }
}

/** Finds a file; `gone` when its draft ended after the catalog was asked: it is sealed, or deleted. */
async function findFile(c: Context<AppEnv>): Promise<Target | "gone"> {
  const { reader, artifactId, path } = readPlace(c);
  const to = await findDestination(c.env.DB, reader, artifactId, Date.now());
  const version = requireRights(c, to).version;
  if (version === null) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  const { id: versionId, draft, manifest } = version;
  if (manifest !== null) {
    const file = await findSealed(c.env.BUCKET, manifest, path);
    return { ...requireKnown(c, to, file, path), draft: null, awaited: null };
  }
  const file = draft === null ? "gone" : await findDraftFile(c.env.DRAFTS, draft, path);
  if (draft === null || file === "gone") {
    return "gone";
  }
  const known = requireKnown(c, to, file, path);
  const { size, sha256, isComplete } = known;
  const workspaceId = to?.workspaceId ?? 0;
  const awaited = isComplete ? null : { workspaceId, versionId, draft, sha256, size };
  return { ...known, draft, awaited };
}

async function findSealed(
  bucket: Env["BUCKET"],
  { key, row }: NonNullable<BundleVersion["manifest"]>,
  path: string,
): Promise<DraftFile | null> {
  const entry = await readManifest(bucket, { key, row: Uint8Array.fromHex(row) }).find(path);
  return entry?.kind === "file"
    ? { size: entry.size, sha256: entry.sha256.toHex(), isComplete: true }
    : null;
}

function requireRights<To extends Rights>(c: Context<AppEnv>, to: To | null): To {
  if (to === null || !to.readable) {
    throw new AppError("artifact_not_found");
  }
  if (!mayAdd(c.var.identity, to)) {
    throw new AppError("contributor_needed");
  }
  return to;
}

function requireKnown(
  c: Context<AppEnv>,
  to: Rights | null,
  file: DraftFile | null,
  path: string,
): DraftFile {
  requireRights(c, to);
  if (file === null) {
    throw new AppError("path_not_found", `'${path}'`);
  }
  return file;
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
