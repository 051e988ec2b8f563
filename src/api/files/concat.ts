// POST /files/ with `Upload-Concat: final;…`: an upload that is made of others, in that order.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { newUploadUuid } from "../../auth/upload-uuids.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { uploadOfUrl } from "../../protocol/tus.ts";
import type { JoinedPart } from "../../protocol/uploads.ts";
import { UploadGateway } from "../../uploads/gateway.ts";
import { requireUploadUuid } from "../upload-uuid.ts";
import { locationOf, sayFacts } from "./answers.ts";
import { noteUpload } from "./open.ts";
import { planDigests, planOutcome } from "./plan.ts";
import { lengthOf, readPromise, readWhole, requireNothing } from "./read-append.ts";
import { UploadMetadata } from "./upload-metadata.ts";
import { requireHome } from "./who.ts";

/** Opens it, and waits a while for its end. */
export async function createFinal(c: Context<AppEnv>): Promise<Response> {
  const { headers } = c.req.raw;
  const concat = headers.get("Upload-Concat") ?? "";
  const sent = headers.get("Upload-Metadata");
  const metadata = new UploadMetadata(sent);
  const home = await requireHome(c, metadata.text("workspace"));
  const hasLength = headers.has("Upload-Length") || headers.has("Upload-Defer-Length");
  if (hasLength || lengthOf(c.req.raw) !== 0) {
    throw new AppError("upload_concat_malformed", "it has the length and the bytes of its parts");
  }
  requireNothing(readPromise(headers, true));
  const gateway = new UploadGateway(c.env.UPLOADS, home.id);
  const { parts, length } = await restParts(c, gateway, readParts(concat));
  const uuid = await newUploadUuid(c.var.settings.tokenSecret);
  const plan = {
    protocol: "tus" as const,
    metadata: sent,
    concat,
    ...planOutcome(c, { home, uuid, metadata }),
    digests: [...planDigests(metadata), ...readWhole(headers)],
  };
  const room = await noteUpload(c, uuid, home.id, length);
  const facts = valueOf(await gateway.join(uuid, room, plan, parts));
  await sayFacts(c, facts, "tus");
  c.header("Upload-Concat", concat);
  c.header("Location", locationOf(c, uuid));
  return c.body(null, 201);
}

/** The last segments of the URLs, which are absolute or paths. */
function readParts(concat: string): string[] {
  const [, list = ""] = /^final;\s*(.*)$/u.exec(concat) ?? [];
  const urls = list.split(/ +/u).filter((url) => url !== "");
  const uuids = urls.map(uploadOfUrl).filter((uuid) => uuid !== null);
  if (uuids.length === 0 || uuids.length < urls.length) {
    throw new AppError("upload_concat_malformed", `'${concat}'`);
  }
  if (uuids.length > LIMITS.joinedUploads) {
    throw new AppError("upload_concat_malformed", `more than ${LIMITS.joinedUploads} uploads`);
  }
  return uuids;
}

/** Has all parts at rest. One that is not known is refused like one that is another's. */
async function restParts(c: Context<AppEnv>, gateway: UploadGateway, texts: readonly string[]) {
  const rested = new Map<Uuid, JoinedPart & { length: number }>();
  const parts: JoinedPart[] = [];
  let length = 0;
  for (const text of texts) {
    const uuid = await requirePartUuid(c, text);
    const part = rested.get(uuid) ?? { uuid, ...requirePart(await gateway.rest(uuid), text) };
    rested.set(uuid, part);
    length += part.length;
    parts.push({ uuid, extents: part.extents });
  }
  if (parts.flatMap(({ extents }) => extents).length > LIMITS.extents) {
    throw new AppError("upload_too_scattered");
  }
  return { parts, length };
}

type Rested = Awaited<ReturnType<UploadGateway["rest"]>>;

function requirePart(rested: Rested, text: string) {
  if (!rested.ok && rested.code === "upload_not_found") {
    throw new AppError("upload_part_unknown", `'${text}'`);
  }
  const { facts, extents } = valueOf(rested);
  return { length: facts.size, extents };
}

async function requirePartUuid(c: Context<AppEnv>, text: string): Promise<Uuid> {
  try {
    return await requireUploadUuid(c, text);
  } catch {
    throw new AppError("upload_part_unknown", `'${text}'`);
  }
}
