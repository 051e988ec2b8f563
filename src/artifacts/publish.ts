// Sealed upload -> blob -> version, with the catalog asked before and after: a batch whose answer was lost
// is found by its conversion, and a batch that a constraint refused tells why by what is missing.

import { entryLengths } from "../archive/lengths.ts";
import { completeByUpload, isLivingVersion } from "../catalog/contents.ts";
import {
  findConversion,
  findPublishedName,
  publishContent,
  publishUpload,
} from "../catalog/publish.ts";
import type { OnlyFile } from "../catalog/publish.ts";
import { noteAppend } from "../catalog/uploads.ts";
import { findWorkspaceById } from "../catalog/workspaces.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { ArtifactIntent, BlobFacts, SealedUpload, SealIntent } from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";

/** The catalog as upload objects need it. */
export function catalogDesk({ DB: db }: Pick<Env, "DB">): CatalogDesk {
  return {
    async publish(sealed) {
      const before = await findConversion(db, sealed.uuid);
      if (before !== null) {
        return { ok: true, result: before };
      }
      try {
        await publishSealed(db, sealed, Date.now());
      } catch (error) {
        const committed = await findConversion(db, sealed.uuid);
        if (committed !== null) {
          return { ok: true, result: committed };
        }
        const code = await findWhatIsGone(db, sealed.intent);
        if (code !== null) {
          return { ok: false, code };
        }
        throw error;
      }
      const result = await findConversion(db, sealed.uuid);
      if (result === null) {
        throw new Error(`Cannot find what upload ${sealed.uuid} was published as`);
      }
      return { ok: true, result };
    },
    reportAppend: (uuid, at) => noteAppend(db, uuid, at),
  };
}

async function publishSealed(
  db: Env["DB"],
  { uuid, intent, blob, extents }: SealedUpload,
  now: number,
): Promise<void> {
  if ("versionId" in intent) {
    const { versionId } = intent;
    await completeByUpload(db, uuid, { versionId, blob, extents }, now);
  } else {
    const only = await onlyFile(db, intent, blob.size, now);
    await publishUpload(db, { uuid, intent, blob, extents }, only, now);
  }
}

/** Why a batch was refused: what it was for is there no more. */
async function findWhatIsGone(db: Env["DB"], intent: SealIntent): Promise<ErrorCode | null> {
  if ("versionId" in intent) {
    return (await isLivingVersion(db, intent.versionId)) ? null : "artifact_not_found";
  }
  const workspace = await findWorkspaceById(db, intent.workspaceId);
  return workspace === null ? "namespace_not_found" : null;
}

/** Makes a blob that the catalog has a version, and gives the artifact. Throws when the blob is gone. */
export async function publishBlob(
  db: Env["DB"],
  intent: ArtifactIntent,
  content: Pick<BlobFacts, "sha512" | "sha256" | "size">,
  now: number,
): Promise<Uuid> {
  const only = await onlyFile(db, intent, content.size, now);
  return publishContent(db, { intent, content, only }, now);
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
