// Sealed upload -> blob -> version, with the catalog asked before and after: a batch whose answer was lost
// is found by its conversion, and a batch that a constraint refused tells why by what is missing.

import { entryLengths } from "../archive/lengths.ts";
import { accountOf } from "../catalog/accounts.ts";
import { completeByUpload, isLivingVersion } from "../catalog/contents.ts";
import { openDatabase } from "../catalog/database.ts";
import {
  findConversion,
  findPublishedName,
  isArtifactGone,
  isOverQuota,
  isTaken,
  publishContent,
  publishUpload,
} from "../catalog/publish.ts";
import type { OnlyFile } from "../catalog/publish.ts";
import { hasRoom, isCatalogFull } from "../catalog/size.ts";
import { forgetUpload, noteAppend } from "../catalog/uploads.ts";
import { entriesOf, findWorkspaceById, isOverEntries, usageOf } from "../catalog/workspaces.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import { callerOf } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import type {
  ArtifactIntent,
  BlobFacts,
  SealedUpload,
  SealIntent,
  SealResult,
} from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";
import { explodeDesk } from "./explode.ts";

/** Makes a blob that the caller reads a version of an artifact, and gives the artifact; `maxVersions` null leaves
 * them as they are. */
export async function publishClaim(
  { DB: db }: Pick<Env, "DB">,
  intent: ArtifactIntent,
  claim: { content: Pick<BlobFacts, "sha512" | "sha256" | "size">; maxVersions: number | null },
): Promise<Outcome<{ uuid: Uuid }>> {
  const now = Date.now();
  try {
    const only = await onlyFile(db, intent, claim.content.size, now);
    return { ok: true, uuid: await publishContent(db, { intent, only, ...claim }, now) };
  } catch (error) {
    return refusalFor(db, intent, error);
  }
}

/** The catalog as upload objects need it. */
export function catalogDesk(env: Pick<Env, "DB" | "RATE_CALLERS">): CatalogDesk {
  const db = openDatabase(env.DB);
  /** Whoever asked for it pays. Bytes of declared files cost nobody anything. */
  const paidFor = (intent: SealIntent) =>
    "actor" in intent
      ? openDatabase(env.DB, accountOf(env.RATE_CALLERS, callerOf(intent.actor)))
      : db;
  return {
    publish: (sealed) => publish(paidFor(sealed.intent), sealed),
    isPublished: async (uuid) => (await findConversion(db, uuid)) !== null,
    reportAppend: (uuid, at) => noteAppend(db, uuid, at),
    giveUp: (uuid, message) => forgetUpload(db, uuid, message),
    ...explodeDesk(db, paidFor),
  };
}

async function publish(
  db: Env["DB"],
  sealed: SealedUpload,
): Promise<Outcome<{ result: SealResult }>> {
  const before = await findConversion(db, sealed.uuid);
  if (before !== null) {
    return { ok: true, result: before };
  }
  if (!(await hasRoom(db))) {
    return { ok: false, code: "catalog_full" };
  }
  try {
    await publishSealed(db, sealed, Date.now());
  } catch (error) {
    const committed = await findConversion(db, sealed.uuid);
    if (committed !== null) {
      return { ok: true, result: committed };
    }
    return isCatalogFull(error)
      ? { ok: false, code: "catalog_full" }
      : await refusalFor(db, sealed.intent, error);
  }
  const result = await findConversion(db, sealed.uuid);
  if (result === null) {
    throw new Error(`Cannot find what upload ${sealed.uuid} was published as`);
  }
  return { ok: true, result };
}

async function publishSealed(
  db: Env["DB"],
  { intent, ...sealed }: SealedUpload,
  now: number,
): Promise<void> {
  if ("versionId" in intent) {
    await completeByUpload(db, sealed.uuid, { versionId: intent.versionId, ...sealed }, now);
  } else {
    const only = await onlyFile(db, intent, sealed.blob.size, now);
    await publishUpload(db, { intent, ...sealed }, only, now);
  }
}

async function onlyFile(
  db: Env["DB"],
  intent: ArtifactIntent,
  size: number,
  now: number,
): Promise<OnlyFile> {
  const path = (await findPublishedName(db, intent, now)) ?? intent.name;
  return { path, lengths: entryLengths(path, size) };
}

/** Why a batch was refused; what is no refusal is thrown on. */
async function refusalFor(
  db: Env["DB"],
  intent: SealIntent,
  error: unknown,
): Promise<{ ok: false; code: ErrorCode; detail?: string }> {
  if ("versionId" in intent && !(await isLivingVersion(db, intent.versionId))) {
    return { ok: false, code: "artifact_not_found" };
  }
  const workspace = await findWorkspaceById(db, intent.workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (isOverQuota(error)) {
    return { ok: false, code: "quota_exceeded", detail: usageOf(workspace) };
  }
  if (isOverEntries(error)) {
    return { ok: false, code: "entries_exceeded", detail: entriesOf(workspace) };
  }
  if (isArtifactGone(error)) {
    return { ok: false, code: "artifact_not_found" };
  }
  if ("gift" in intent && intent.gift && (await isTaken(db, intent))) {
    return { ok: false, code: "artifact_not_own" };
  }
  throw error;
}
