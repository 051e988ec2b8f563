// Refusals under /files/: text, as clients of tus show the body, or a problem (RFC 9457) where the IETF's draft has one.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { ERRORS } from "../../protocol/errors.ts";
import type { AppError, ErrorCode } from "../../protocol/errors.ts";
import { FILES_STATUS } from "../../protocol/files-status.ts";
import { dialectOf, IETF_TYPE, TUS_TYPE, TUS_VERSION, uploadLimit } from "../../protocol/tus.ts";
import type { Dialect } from "../../protocol/tus.ts";

const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  uploads_too_many: "60",
  upload_sealing: "1",
  upload_superseded: "1",
  upload_body_stalled: "2",
  upload_body_incomplete: "2",
  upload_body_broken: "2",
  upload_answer_lost: "2",
};

const PROBLEMS: Partial<Record<ErrorCode, string>> = {
  upload_offset_conflict: "mismatching-upload-offset",
  upload_length_conflict: "inconsistent-upload-length",
};

/** Refusals after which an IETF upload is not to be resumed. */
const FINAL = new Set<ErrorCode>(["upload_whole_mismatch"]);

/** The answer to a request that is refused. */
export function renderFilesRefusal(
  c: Context<AppEnv>,
  { code, message, members }: AppError,
): Response {
  const { raw } = c.req;
  const dialect = dialectOf(raw.method, raw);
  const isIetf = dialect === "ietf";
  const status = statusOf(code, dialect);
  sayHeaders(c, code, status);
  if (isIetf) {
    c.header("Upload-Complete", FINAL.has(code) ? "?1" : "?0");
  }
  const problem = isIetf ? PROBLEMS[code] : undefined;
  if (problem !== undefined) {
    const type = `https://iana.org/assignments/http-problem-types#${problem}`;
    c.header("Content-Type", "application/problem+json");
    const title = ERRORS[code].message;
    return answer(c, status, JSON.stringify({ type, title, status, ...members }));
  }
  c.header("Content-Type", "text/plain; charset=UTF-8");
  // The text that clients of tus know, without values.
  return answer(c, status, `${code === "upload_too_long" ? ERRORS[code].message : message}\n`);
}

/** The IETF's protocol has no status of its own for a checksum that differs, and an upload in one request is not resumed. */
function statusOf(code: ErrorCode, dialect: Dialect | null): number {
  const status = FILES_STATUS[code] ?? ERRORS[code].status;
  if (dialect === "plain" && status === 503) {
    return ERRORS[code].status;
  }
  return dialect === "ietf" && status === 460 ? 400 : status;
}

function sayHeaders(c: Context<AppEnv>, code: ErrorCode, status: number): void {
  const wait = RETRY_AFTER[code];
  if (wait !== undefined) {
    c.header("Retry-After", wait);
  }
  switch (status) {
    case 412:
      c.header("Tus-Version", TUS_VERSION);
      break;
    case 413:
      if (!c.res.headers.has("Upload-Limit")) {
        c.header("Upload-Limit", uploadLimit(c.var.settings.maxAppendBytes, null));
      }
      break;
    case 415:
      c.header("Accept-Patch", `${IETF_TYPE}, ${TUS_TYPE}`);
      break;
    default:
  }
}

/** Hono's type of a status does not have all of them. */
function answer(c: Context<AppEnv>, status: number, text: string): Response {
  const { headers } = c.body("");
  return new Response(text, { status, headers });
}
