// POST /files/: a new upload, with or without its first bytes.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { newUploadUuid } from "../../auth/upload-uuids.ts";
import { dispositionName } from "../../http/disposition-name.ts";
import type { BodyDigest } from "../../protocol/body-promise.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { readBoolean, readDigits, readInteger } from "../../protocol/tus.ts";
import type { FilesTerms, UploadFacts, UploadPlan } from "../../protocol/uploads.ts";
import { UploadGateway } from "../../uploads/gateway.ts";
import { locationOf, sayFacts } from "./answers.ts";
import { noteUpload, requireTaken } from "./open.ts";
import { planDigests, planOutcome } from "./plan.ts";
import {
  lengthOf,
  readPromise,
  readWhole,
  requireNothing,
  requireSameLength,
  requireTusType,
} from "./read-append.ts";
import { UploadMetadata } from "./upload-metadata.ts";
import { requireHome } from "./who.ts";

/** What a request to create says. */
interface Creation {
  length: number | null;
  isPartial: boolean;
  /** How its body is appended; null: there is none to look at. */
  body: Pick<FilesTerms, "length" | "promise" | "completes"> | null;
  digests: readonly BodyDigest[];
  facts: { name: string | null; type: string | null };
}

/** Opens an upload by either protocol. */
export async function createUpload(c: Context<AppEnv>, dialect: "tus" | "ietf"): Promise<Response> {
  const sent = c.req.raw.headers.get("Upload-Metadata");
  const metadata = new UploadMetadata(sent);
  const home = await requireHome(c, metadata.text("workspace"));
  const creation = dialect === "tus" ? readTusCreation(c.req.raw) : readIetfCreation(c.req.raw);
  const { length, isPartial } = creation;
  const uuid = await newUploadUuid(c.var.settings.tokenSecret);
  const opening = { home, uuid, metadata, facts: creation.facts };
  const plan: UploadPlan = {
    protocol: dialect,
    metadata: sent,
    concat: isPartial ? "partial" : null,
    ...(isPartial ? { intent: null } : planOutcome(c, opening)),
    digests: [...planDigests(metadata), ...creation.digests],
  };
  if (dialect === "ietf" && plan.member !== undefined) {
    // Its `Upload-Complete: ?1` says that the artifact is there.
    throw new AppError("upload_metadata_refused", "bundle is for uploads by tus");
  }
  const room = await noteUpload(c, uuid, home.id, length);
  const gateway = new UploadGateway(c.env.UPLOADS, home.id);
  const { createdAt, lastAppendAt } = valueOf(await gateway.begin(uuid, room, plan, length));
  const terms = termsOf(creation, dialect);
  if (terms === null) {
    const offset = dialect === "ietf" ? 0 : null; // of tus it says how much of a body was taken
    const facts = { offset, length, createdAt, lastAppendAt, plan, became: null };
    return sayCreated(c, uuid, facts, dialect);
  }
  const taken = await gateway.put(uuid, c.req.raw.body, terms);
  return sayCreated(c, uuid, await requireTaken(c, gateway, uuid, taken), dialect);
}

/** How the first bytes are appended; null where there are none, and none are needed. */
function termsOf(
  { length, isPartial, body }: Creation,
  dialect: "tus" | "ietf",
): FilesTerms | null {
  const isEmpty = dialect === "tus" && length === 0 && !isPartial;
  if (body === null && !isEmpty) {
    return null;
  }
  return {
    offset: 0,
    length: 0,
    promise: { boundary: null, digests: [] },
    completes: "at length",
    ...body,
    uploadLength: null,
    endsWhenTooLong: dialect === "ietf",
  };
}

async function sayCreated(
  c: Context<AppEnv>,
  uuid: Uuid,
  facts: UploadFacts,
  dialect: "tus" | "ietf",
): Promise<Response> {
  const shown = await sayFacts(c, facts, dialect);
  if (dialect === "ietf" && shown !== null) {
    c.header("Location", `/a/${shown.id}/`);
    return c.json(shown, 201);
  }
  c.header("Location", locationOf(c, uuid));
  return c.body(null, 201);
}

function readTusCreation(request: Request): Creation {
  const { headers } = request;
  const [given, deferred] = [headers.get("Upload-Length"), headers.get("Upload-Defer-Length")];
  const length = readDigits(given);
  const isGiven = given !== null && length !== null && deferred === null;
  const isDeferred = given === null && deferred === "1";
  if (!isGiven && !isDeferred) {
    throw new AppError("upload_length_malformed", `'${given ?? deferred ?? ""}'`);
  }
  const concat = headers.get("Upload-Concat");
  if (concat !== null && concat !== "partial") {
    throw new AppError("upload_concat_malformed", `'${concat}'`);
  }
  return {
    length,
    isPartial: concat === "partial",
    body: readTusBody(request),
    digests: readWhole(headers),
    facts: { name: null, type: null },
  };
}

/** creation-with-upload; clients without a body may say a type all the same. */
function readTusBody(request: Request): Creation["body"] {
  const length = lengthOf(request);
  const promise = readPromise(request.headers, true);
  if (length === 0) {
    requireNothing(promise);
    return null;
  }
  requireTusType(request.headers);
  return { length, promise, completes: "at length" };
}

function readIetfCreation(request: Request): Creation {
  const { headers } = request;
  const isLast = readBoolean(headers.get("Upload-Complete")) === true;
  const bytes = lengthOf(request);
  const said = readInteger(headers.get("Upload-Length"));
  const length = requireSameLength(said, isLast ? bytes : null);
  const promise = readPromise(headers, true);
  const hasBody = isLast || bytes !== 0;
  if (!hasBody) {
    requireNothing(promise);
  }
  return {
    length,
    isPartial: false,
    body: hasBody ? { length: bytes, promise, completes: isLast ? "now" : "later" } : null,
    digests: readWhole(headers),
    facts: {
      name: dispositionName(headers.get("Content-Disposition")),
      type: headers.get("Content-Type"),
    },
  };
}
