// Sealed upload -> version: the upload's bytes, or those of the same content that are there already, become its only file.

import { accountOf } from "../catalog/accounts.ts";
import { findKnownFile } from "../catalog/contents/held-files.ts";
import { findHeldFile } from "../catalog/contents/seen-blobs.ts";
import type { SeenBlob } from "../catalog/contents/seen-blobs.ts";
import { openDatabase } from "../catalog/database.ts";
import { findConversion } from "../catalog/publish/conversions.ts";
import {
  findPublishedName,
  publishContent,
  publishUpload,
} from "../catalog/publish/single-file.ts";
import { forgetUpload, noteAppend } from "../catalog/publish/uploads.ts";
import type { Reader } from "../catalog/reader.ts";
import { completeDeclared } from "../drafts/complete.ts";
import type { FileExtent } from "../protocol/entries.ts";
import type { Outcome } from "../protocol/errors.ts";
import { callerOf } from "../protocol/identity.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { ArtifactIntent, SealedUpload, SealIntent, SealResult } from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";
import { explodeDesk } from "./explode.ts";
import { extentsOfHeld } from "./held.ts";
import { publishFolder } from "./publish-folder.ts";
import { publishOnce, tryAgain } from "./publish-once.ts";
import { makeSingleFile } from "./whole-version.ts";

type Stores = Pick<Env, "DB" | "BUCKET">;
type Published = Outcome<{ result: SealResult }>;

/** Makes a blob that the caller reads a version of an artifact, and gives the artifact; `maxVersions` null leaves
 * them as they are. */
export async function publishClaim(
  stores: Stores,
  reader: Reader,
  intent: ArtifactIntent,
  { blob, maxVersions }: { blob: SeenBlob; maxVersions: number | null },
): Promise<Outcome<{ uuid: Uuid }>> {
  const { DB: db } = stores;
  return tryAgain<{ uuid: Uuid }>(db, intent, async () => {
    const now = Date.now();
    const path = (await findPublishedName(db, intent, now)) ?? intent.name;
    const held = await findHeldFile(db, reader, blob.uuid, now);
    if (held === null) {
      return { ok: false, code: "blob_not_found" };
    }
    const extents = await extentsOfHeld(stores.BUCKET, held);
    const file = { path, facts: blob, type: null, extents, isCopied: true };
    const whole = await makeSingleFile(stores, file, newUuid());
    const next = { intent, named: path, whole, sha512: blob.sha512 };
    return { ok: true, uuid: await publishContent(db, next, maxVersions, now) };
  });
}

/** The catalog as upload objects need it. */
export function catalogDesk(env: Env): CatalogDesk {
  const db = openDatabase(env.DB);
  /** Whoever asked for it pays. Bytes of declared files cost nobody anything. */
  const paidFor = (intent: SealIntent) =>
    "actor" in intent
      ? openDatabase(env.DB, accountOf(env.RATE_CALLERS, callerOf(intent.actor)))
      : db;
  return {
    publish: (sealed) => publish({ ...env, DB: paidFor(sealed.intent) }, sealed),
    isPublished: async (uuid) => (await findConversion(db, uuid)) !== null,
    reportAppend: (uuid, at) => noteAppend(db, uuid, at),
    giveUp: (uuid, message) => forgetUpload(db, uuid, message, { now: Date.now() }),
    ...explodeDesk({ ...env, DB: db }, paidFor),
  };
}

async function publish(env: Env, { intent, ...sealed }: SealedUpload): Promise<Published> {
  return "draft" in intent
    ? completeDeclared(env, { intent, ...sealed })
    : publishOnce(env.DB, sealed.uuid, intent, () =>
        sealed.files === undefined
          ? publishFile(env, { intent, ...sealed })
          : publishFolder(env, { ...sealed, intent, files: sealed.files }),
      );
}

async function publishFile(
  stores: Stores,
  { uuid, intent, blob, extents, isFetch }: SealedUpload<ArtifactIntent>,
): Promise<SealResult | null> {
  const { DB: db } = stores;
  const now = Date.now();
  const named =
    intent.path === undefined ? ((await findPublishedName(db, intent, now)) ?? intent.name) : null;
  const path = named ?? intent.path ?? intent.name;
  const known = await findKnown(stores, intent.workspaceId, blob);
  const { contentType: type = null } = intent;
  const file = { path, facts: blob, type, extents: known ?? extents, isCopied: known !== null };
  const whole = await makeSingleFile(stores, file, uuid);
  const own = extents.map(({ key }) => key);
  return publishUpload(
    db,
    { uuid, isFetch, own },
    { intent, named, whole, sha512: blob.sha512 },
    now,
  );
}

/** The place of a content that is there already. */
async function findKnown(
  { DB: db, BUCKET: bucket }: Stores,
  workspaceId: number,
  blob: { sha512: string; size: number },
): Promise<FileExtent[] | null> {
  const held = await findKnownFile(db, workspaceId, blob);
  return held && extentsOfHeld(bucket, held);
}
