import { Routes } from "../app-env.ts";
import { requireWorkspaceKey } from "../auth/access.ts";
import { newUploadUuid } from "../auth/upload-uuids.ts";
import { insertUpload } from "../catalog/publish/uploads.ts";
import { readBodyPromise } from "../http/body-check.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import type { AppendTerms } from "../protocol/uploads.ts";
import { toUploadReply } from "../protocol/views.ts";
import { UploadGateway } from "../uploads/gateway.ts";
import { requireUploadUuid } from "./upload-uuid.ts";

/** POST /upload and what follows it. Bodies of appends are bytes, whatever they look like. */
export const uploads = new Routes()
  .post("/", async (c) => {
    const { workspaceId } = requireWorkspaceKey(c.var.identity);
    const uuid = await newUploadUuid(c.var.settings.tokenSecret);
    const now = Date.now();
    // The catalog first: an upload that only its object knew would never be swept.
    const inserted = await insertUpload(c.env.DB, uuid, workspaceId, now);
    if (!inserted.ok && inserted.code === "namespace_not_found") {
      // Deleted a moment ago, with the key that this isolate still remembers.
      throw new AppError("token_invalid");
    }
    const { room } = valueOf(inserted);
    valueOf(await new UploadGateway(c.env.UPLOADS, workspaceId).open(uuid, room));
    const upload = { size: 0, createdAt: now, lastAppendAt: now };
    return c.json(toUploadReply(uuid, upload, c.var.settings.uploadIdleMs));
  })
  .post("/:uuid", async (c) => {
    const { workspaceId } = requireWorkspaceKey(c.var.identity);
    const uuid = await requireUploadUuid(c, c.req.param("uuid"));
    const terms = readTerms(c.req.raw);
    const gateway = new UploadGateway(c.env.UPLOADS, workspaceId);
    return c.json(valueOf(await gateway.append(uuid, c.req.raw.body, terms)).size);
  })
  .get("/:uuid", async (c) => {
    const { workspaceId } = requireWorkspaceKey(c.var.identity);
    const uuid = await requireUploadUuid(c, c.req.param("uuid"));
    const upload = valueOf(await new UploadGateway(c.env.UPLOADS, workspaceId).view(uuid));
    return c.json(toUploadReply(uuid, upload, c.var.settings.uploadIdleMs));
  })
  .post("/:uuid/truncate/:offset", async (c) => {
    const { workspaceId } = requireWorkspaceKey(c.var.identity);
    const uuid = await requireUploadUuid(c, c.req.param("uuid"));
    const target = readTarget(c.req.param("offset"));
    valueOf(await new UploadGateway(c.env.UPLOADS, workspaceId).truncate(uuid, target));
    return c.json(null);
  });

function readTarget(text: string): number {
  if (/^-\d+$/u.test(text)) {
    throw new AppError("truncate_negative");
  }
  if (!/^\d+$/u.test(text)) {
    throw new AppError("truncate_not_integer", `'${text}'`);
  }
  // A number past 2^53 is past every upload's end as well.
  return parseCount(text) ?? Number.MAX_SAFE_INTEGER;
}

function readTerms(request: Request): AppendTerms {
  const length = request.headers.get("Content-Length");
  if (length === null && request.body !== null) {
    throw new AppError("upload_length_required");
  }
  return {
    offset: readOffset(request),
    // The runtime takes digits only; a number past 2^53 is past every upload's end as well.
    length: length === null ? null : (parseCount(length) ?? Number.MAX_SAFE_INTEGER),
    promise: valueOf(readBodyPromise(request.headers, "content")).promise,
  };
}

function readOffset(request: Request): number | null {
  const text =
    request.headers.get("Upload-Offset") ?? new URL(request.url).searchParams.get("offset");
  if (text === null) {
    return null;
  }
  const offset = parseCount(text);
  if (offset === null) {
    throw new AppError("upload_offset_malformed", `'${text}'`);
  }
  return offset;
}
