// Uploads by any resumable client: tus 1.0 with its extensions and the IETF's resumable uploads, on one collection, and uploads
// in one request. An upload here becomes an artifact by itself.

import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { forgetUpload } from "../../catalog/publish/uploads.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { Outcome } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  dialectOf,
  TUS_CHECKSUMS,
  TUS_EXTENSIONS,
  TUS_VERSION,
  uploadLimit,
} from "../../protocol/tus.ts";
import type { Dialect } from "../../protocol/tus.ts";
import type { FilesTerms, UploadFacts } from "../../protocol/uploads.ts";
import { sendBlobOf } from "../blobs.ts";
import { sayFacts } from "./answers.ts";
import { createFinal } from "./concat.ts";
import { createUpload } from "./create.ts";
import { createWhole } from "./plain.ts";
import { readAppend } from "./read-append.ts";
import { requireUpload, requireUploader } from "./who.ts";

/** The collection with and without its slash. */
const COLLECTION = ["/files", "/files/"];

export const files = new Routes()
  .use("/files/*", async (c, next) => {
    if (c.req.method !== "OPTIONS") {
      await next();
      return;
    }
    const isUpload = /^\/files\/./u.test(c.req.path);
    c.res = new Response(null, {
      status: 204,
      headers: {
        Allow: isUpload ? "GET, HEAD, PATCH, POST, PUT, DELETE, OPTIONS" : "POST, OPTIONS",
        "Tus-Version": TUS_VERSION,
        "Tus-Extension": TUS_EXTENSIONS,
        "Tus-Max-Size": String(LIMITS.uploadSize),
        "Tus-Checksum-Algorithm": TUS_CHECKSUMS.join(","),
        "Upload-Limit": uploadLimit(c.var.settings.maxAppendBytes, null),
      },
    });
  })
  .on("POST", COLLECTION, (c) => {
    if (c.req.header("X-HTTP-Method-Override") !== undefined) {
      throw new AppError("method_override_unknown", "of the collection");
    }
    const dialect = requireDialect(c);
    if (dialect === "plain") {
      return createWhole(c, null);
    }
    const isFinal = dialect === "tus" && /^final\b/u.test(c.req.header("Upload-Concat") ?? "");
    return isFinal ? createFinal(c) : createUpload(c, dialect);
  })
  .put("/files/:upload", (c) => createWhole(c, c.req.param("upload")))
  .post("/files/:upload", (c) => {
    // Clients that cannot send the method itself (tus 1.0, X-HTTP-Method-Override).
    switch (c.req.header("X-HTTP-Method-Override")?.toUpperCase() ?? "") {
      case "PATCH":
        return append(c);
      case "DELETE":
        return terminate(c);
      case "HEAD":
        return look(c, "HEAD");
      default:
        throw new AppError("method_override_unknown");
    }
  })
  .get("/files/:upload", (c) => look(c, c.req.raw.method))
  .patch("/files/:upload", append)
  .delete("/files/:upload", terminate);

/** How a request speaks; refuses tus of an unknown version, or of none. */
function requireDialect(c: Context<AppEnv>, method: string = c.req.method): Dialect {
  const dialect = dialectOf(method, c.req.raw);
  if (dialect === null) {
    throw new AppError("tus_version_unsupported");
  }
  return dialect;
}

async function look(c: Context<AppEnv>, method: string): Promise<Response> {
  const dialect = requireDialect(c, method);
  const { uuid, gateway } = await requireUpload(c, c.req.param("upload") ?? "");
  const facts = valueOf(await gateway.head(uuid));
  await sayFacts(c, facts, dialect);
  sayPlan(c, facts, dialect);
  if (method === "GET" && facts.became !== null) {
    const { headers } = c.body(null, 204);
    headers.set("Upload-Complete", "?1");
    return sendBlobOf(c, facts.became, headers);
  }
  return c.body(null, dialect === "tus" && method === "HEAD" ? 200 : 204);
}

/** What the client said when it opened the upload. */
function sayPlan(c: Context<AppEnv>, { plan, length }: UploadFacts, dialect: Dialect): void {
  c.header("Upload-Metadata", plan?.metadata ?? undefined);
  c.header("Upload-Concat", plan?.concat ?? undefined);
  if (length === null && dialect === "tus") {
    c.header("Upload-Defer-Length", "1");
  }
}

async function append(c: Context<AppEnv>): Promise<Response> {
  const dialect = requireDialect(c, "PATCH");
  if (dialect === "plain") {
    throw new AppError("tus_version_unsupported");
  }
  requireUploader(c);
  const terms = readAppend(c.req.raw, dialect);
  const { uuid, gateway } = await requireUpload(c, c.req.param("upload") ?? "");
  const appended = await gateway.put(uuid, c.req.raw.body, terms);
  if (!appended.ok && appended.code === "upload_offset_conflict") {
    await refuseOffset(c, await gateway.head(uuid), terms);
  }
  if (!appended.ok && appended.code === "upload_too_long" && terms.endsWhenTooLong) {
    await forgetUpload(c.env.DB, uuid, "it was too long", { now: Date.now() });
  }
  const shown = await sayFacts(c, valueOf(appended), dialect);
  return dialect === "ietf" && shown !== null ? c.json(shown, 200) : c.body(null, 204);
}

/** Says at which offset the upload is. */
async function refuseOffset(
  c: Context<AppEnv>,
  now: Outcome<UploadFacts>,
  { offset: provided }: FilesTerms,
): Promise<never> {
  const { offset } = valueOf(now);
  c.header("Upload-Offset", String(offset));
  throw new AppError("upload_offset_conflict", `at ${offset}, not ${provided}`, {
    "expected-offset": offset,
    "provided-offset": provided,
  });
}

async function terminate(c: Context<AppEnv>): Promise<Response> {
  requireDialect(c, "DELETE");
  const { uuid, gateway } = await requireUpload(c, c.req.param("upload") ?? "");
  valueOf(await gateway.terminate(uuid));
  await forgetUpload(c.env.DB, uuid, "terminated", { now: Date.now() });
  return c.body(null, 204);
}
