// Sealed upload -> blob -> version, with the catalog asked before and after: a batch whose answer was lost
// is found by its conversion, and a batch that a constraint refused tells why by what is missing.

import { entryLengths } from "../archive/lengths.ts";
import {
  findConversion,
  findPublishedName,
  publishContent,
  publishUpload,
} from "../catalog/publish.ts";
import type { OnlyFile } from "../catalog/publish.ts";
import { noteAppend } from "../catalog/uploads.ts";
import { findWorkspaceById } from "../catalog/workspaces.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { BlobFacts, SealIntent } from "../protocol/uploads.ts";
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
        const now = Date.now();
        const only = await onlyFile(db, sealed.intent, sealed.blob.size, now);
        await publishUpload(db, sealed, only, now);
      } catch (error) {
        const committed = await findConversion(db, sealed.uuid);
        if (committed !== null) {
          return { ok: true, result: committed };
        }
        if ((await findWorkspaceById(db, sealed.intent.workspaceId)) === null) {
          return { ok: false, code: "namespace_not_found" };
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

/** Makes a blob that the catalog has a version, and gives the artifact. Throws when the blob is gone. */
export async function publishBlob(
  db: Env["DB"],
  intent: SealIntent,
  content: Pick<BlobFacts, "sha512" | "sha256" | "size">,
  now: number,
): Promise<Uuid> {
  const only = await onlyFile(db, intent, content.size, now);
  return publishContent(db, { intent, content, only }, now);
}

async function onlyFile(
  db: Env["DB"],
  intent: SealIntent,
  size: number,
  now: number,
): Promise<OnlyFile> {
  const path = (await findPublishedName(db, intent, now)) ?? intent.name;
  return { path, lengths: entryLengths(path, size) };
}
