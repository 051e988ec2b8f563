import { Hono } from "hono";
import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { askHeld, deliverPiece, deliverWhole } from "../../artifacts/deliver.ts";
import type { Delivered } from "../../artifacts/deliver.ts";
import { mayAdd, readerFor, requireSomebody } from "../../auth/access.ts";
import { findDestination } from "../../catalog/contents.ts";
import type { Destination } from "../../catalog/contents.ts";
import { parseContentRange } from "../../http/content-range.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import { newUuid, parseCount } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** The bytes of declared files. */
export const files = new Hono<AppEnv>().put("/artifact/:id/files/*", async (c) => {
  requireSomebody(c.var.identity);
  const sent = readSent(c.req.raw.headers);
  const isQuestion = sent.kind === "question";
  const key = !isQuestion && sent.mayBeWhole ? `files/${newUuid()}` : null;
  const to = await requireFile(c, key);
  if (sent.size !== null && sent.size !== to.size) {
    throw new AppError("file_range_malformed", `the file has ${to.size} bytes, not ${sent.size}`);
  }
  if (to.isComplete) {
    await c.req.raw.body?.cancel();
    return c.body(null, isQuestion ? 200 : 201);
  }
  return isQuestion
    ? answer(c, await askHeld(c.env, to), 206)
    : answer(c, await deliver(c, to, sent, key), 200);
});

async function deliver(
  c: Context<AppEnv>,
  to: Target,
  { start, length }: Sent & { kind: "piece" },
  key: string | null,
): Promise<Delivered> {
  if (start + length > to.size) {
    throw new AppError("file_too_long", `the file has ${to.size} bytes, not ${start + length}`);
  }
  return key !== null && length === to.size
    ? deliverWhole(c.env, to, key, await readWhole(c.req.raw, length))
    : deliverPiece(c.env, to, { start, length, body: c.req.raw.body });
}

/** The file that a request is about. */
type Target = NonNullable<Destination["file"]> & { workspaceId: number };

/** What a request brings; `size` is what it says of the whole file, null for nothing. */
type Sent =
  | { kind: "question"; size: number | null }
  | { kind: "piece"; size: number | null; start: number; length: number; mayBeWhole: boolean };

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
    return { kind: "piece", size: null, start: 0, length, mayBeWhole: isSmall(length) };
  }
  const { start, end, size } = range;
  if (length !== end - start) {
    throw new AppError("file_range_malformed", `'${header}' with a body of ${length} bytes`);
  }
  return { kind: "piece", size, start, length, mayBeWhole: start === 0 && isSmall(length) };
}

function isSmall(length: number): boolean {
  return length > 0 && length <= LIMITS.directFile;
}

function readLength(headers: Headers): number {
  const length = parseCount(headers.get("Content-Length") ?? "");
  if (length === null) {
    throw new AppError("upload_length_required");
  }
  return length;
}

async function requireFile(c: Context<AppEnv>, key: string | null): Promise<Target> {
  const artifactId = parseCount(c.req.param("id") ?? "") ?? 0;
  const path = readPath(c.req.url);
  const reader = readerFor(c.var.identity);
  const to = await findDestination(c.env.DB, reader, { artifactId, path, key }, Date.now());
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
      if (!(await requireFile(c, null)).isComplete) {
        throw new AppError("storage_unavailable");
      }
      return c.body(null, partial === 206 ? 200 : 201);
    case "complete":
      return c.body(null, partial === 206 ? 200 : 201);
  }
}
