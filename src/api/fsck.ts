import { Routes } from "../app-env.ts";
import { checkOn, isCheckName } from "../artifacts/fsck/fsck.ts";
import type { CheckCursor } from "../artifacts/fsck/fsck.ts";
import { requireSystem } from "../auth/access.ts";
import type { Difference } from "../protocol/differences.ts";
import { AppError } from "../protocol/errors.ts";
import { FsckRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** The check of what is stored, a piece a request (scripts/fsck.mjs asks for all of them). */
export const fsck = new Routes().post("/", async (c) => {
  requireSystem(c.var.identity);
  const { cursor, repair, deep } = await readJson(c.req.raw, FsckRequest);
  const { uploadIdleMs: idleMs, auditMs } = c.var.settings;
  const context = { env: c.env, idleMs, auditMs, now: Date.now(), repairs: repair, percent: deep };
  const found = await checkOn(context, cursor === null ? null : readCursor(cursor));
  const { rows, objects, uploads, bytes, young } = found;
  return c.json({
    cursor: found.cursor && JSON.stringify([found.cursor.check, ...found.cursor.from]),
    rows,
    objects,
    uploads,
    bytes,
    young,
    differences: found.differences.map(toReply),
  });
});

function toReply({ kind, subject, detail, isRepaired }: Difference) {
  return { kind, subject, detail, repaired: isRepaired };
}

/** Reads a cursor that an answer gave. */
function readCursor(text: string): CheckCursor {
  const [check, ...from] = parseList(text);
  const isPosition = from.every((part) => typeof part === "string" || typeof part === "number");
  if (!isCheckName(check) || !isPosition) {
    throw new AppError("request_malformed", "cursor: it is none that an answer gave");
  }
  return { check, from };
}

function parseList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
