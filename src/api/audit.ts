import { Routes } from "../app-env.ts";
import { readAudit } from "../artifacts/audit/read.ts";
import { requireOwn, requireWorkspaceKey } from "../auth/access.ts";
import { plainJson } from "../http/plain-json.ts";
import { AppError } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { toAuditReply } from "../protocol/views.ts";

/** GET /audit: who did what, newest first; all of it for `system`, what concerns its workspace for another key. */
export const audit = new Routes().get("/", async (c) => {
  const key = requireWorkspaceKey(c.var.identity);
  const { workspace, action = null, from, to, after } = c.req.query();
  if (workspace !== undefined) {
    requireOwn(key, workspace);
  }
  const query = {
    workspace: key.isSystem ? (workspace ?? null) : key.name,
    workspaceId: key.isSystem ? null : key.workspaceId,
    action,
    from: readTime("from", from) ?? 0,
    to: readTime("to", to) ?? MAX_TIME,
    after: readPlace(after),
  };
  const { rows, next } = await readAudit(c.env, query);
  c.header("Cache-Control", "no-store");
  const place = next === null ? null : `${next.at}-${next.id}`;
  const page = { rows: rows.map((row) => toAuditReply(row, key.isSystem)), next: place };
  return c.body(plainJson(page), 200, { "Content-Type": "application/json" });
});

const MAX_TIME = 8_640_000_000_000_000;

/** A time as RFC 3339 writes it, or a date, which is its beginning in UTC. */
function readTime(name: string, text: string | undefined): number | null {
  if (text === undefined) {
    return null;
  }
  const time = /^\d{4}-\d\d-\d\d/u.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new AppError("audit_query_malformed", `${name} '${text}'`);
  }
  return time;
}

function readPlace(text: string | undefined): { at: number; id: number } | null {
  if (text === undefined) {
    return null;
  }
  const [at, id] = text.split("-").map(parseCount);
  if (at === undefined || at === null || id === undefined || id === null) {
    throw new AppError("audit_query_malformed", `after '${text}'`);
  }
  return { at, id };
}
