// How the endpoints of artifacts, labels and metadata find what they are about, or refuse, and show it.

import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { mayWrite, readerFor, requireSomebody } from "../auth/access.ts";
import { findArtifactByUuid, findArtifactsByName } from "../catalog/artifacts/find.ts";
import type { DescribedArtifact } from "../catalog/artifacts/find.ts";
import { findSeenBlob, listVersionBlobs } from "../catalog/contents/seen-blobs.ts";
import type { SeenBlob } from "../catalog/contents/seen-blobs.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { parseUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { toArtifactReply } from "../protocol/views.ts";
import type { ArtifactReply } from "../protocol/views.ts";
import { pathName } from "./path-name.ts";

type Database = Env["DB"];

/** The artifact that a URL's second segment refers to: by its uuid, deleted or not, or by a name among the living.
 * Null when the caller reads none. */
export async function findArtifact(c: Context<AppEnv>): Promise<DescribedArtifact | null> {
  const { identity } = c.var;
  requireSomebody(identity);
  const reference = pathName(c.req.url, 1);
  const uuid = parseUuid(reference);
  const byUuid = uuid && (await findArtifactByUuid(c.env.DB, readerFor(identity), uuid));
  return byUuid || findByName(c.env.DB, identity, reference);
}

async function findByName(
  db: Database,
  identity: Identity,
  name: string,
): Promise<DescribedArtifact | null> {
  const found = await findArtifactsByName(db, readerFor(identity), name, Date.now());
  if (found.length > 1) {
    const workspace = identity.kind === "workspace" ? identity.name : "";
    throw new AppError("artifact_ambiguous", `"${name}" in namespace "${workspace}"`);
  }
  return found[0] ?? null;
}

/** The same, or a refusal. */
export async function requireArtifact(c: Context<AppEnv>): Promise<DescribedArtifact> {
  const artifact = await findArtifact(c);
  if (artifact === null) {
    throw new AppError("artifact_not_found");
  }
  return artifact;
}

/** The same, when the caller may change it; a deleted one is given too. */
export async function requireOwnArtifact(c: Context<AppEnv>): Promise<DescribedArtifact> {
  return requireOwned(c.var.identity, await requireArtifact(c));
}

/** The same, when it is living as well. */
export async function requireChangeable(c: Context<AppEnv>): Promise<DescribedArtifact> {
  return requireLiving(await requireOwnArtifact(c));
}

/** An artifact that the caller reads, when it may change it. */
export function requireOwned(identity: Identity, artifact: DescribedArtifact): DescribedArtifact {
  if (!mayWrite(identity, artifact)) {
    throw new AppError("artifact_not_own");
  }
  return artifact;
}

/** The artifact, unless it is deleted. */
export function requireLiving(artifact: DescribedArtifact): DescribedArtifact {
  requireDone(artifact.deletedAt === null);
  return artifact;
}

/** Refuses when a change found nothing to change: the artifact was deleted a moment ago. */
export function requireDone(isDone: boolean): void {
  if (!isDone) {
    throw new AppError("artifact_deleted");
  }
}

/** A blob that the caller reads, by the text of its uuid. */
export async function requireBlob(
  db: Database,
  identity: Identity,
  text: string | null,
): Promise<SeenBlob> {
  requireSomebody(identity);
  const uuid = parseUuid(text ?? "");
  const blob = uuid && (await findSeenBlob(db, readerFor(identity), { uuid }, Date.now()));
  if (!blob) {
    throw new AppError("blob_not_found");
  }
  return blob;
}

/** The blobs of an artifact's versions as the caller sees them. */
export function versionsOf(db: Database, identity: Identity, artifact: DescribedArtifact) {
  const limits = { now: Date.now(), limit: LIMITS.versionsListed };
  return listVersionBlobs(db, readerFor(identity), artifact, limits);
}

/** The reply that shows an artifact. */
export async function describe(
  db: Database,
  identity: Identity,
  artifact: DescribedArtifact,
): Promise<ArtifactReply> {
  return toArtifactReply(artifact, await versionsOf(db, identity, artifact));
}

/** The reply that shows an artifact as it is after a change. */
export async function showArtifact(
  db: Database,
  identity: Identity,
  uuid: Uuid,
): Promise<ArtifactReply> {
  const artifact = await findArtifactByUuid(db, readerFor(identity), uuid);
  if (artifact === null) {
    throw new AppError("artifact_not_found");
  }
  return describe(db, identity, artifact);
}
