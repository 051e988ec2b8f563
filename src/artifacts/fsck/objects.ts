// The catalog and the upload objects against R2, both ways. An open multipart upload is seen by neither: R2 does
// not list them through a binding, and drops them by itself after seven days.

import { listObjects, objectSizes } from "../../blobs/list.ts";
import type { ListedObject } from "../../blobs/list.ts";
import { checkExtents, findListed, findUnnamed } from "../../catalog/check-rows.ts";
import { listUpload, noteOrphans } from "../../catalog/repair.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { parseUuid } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { inspectUpload } from "../../uploads/gateway.ts";
import type { Inspection } from "../../uploads/internal.ts";
import { isAuditKey } from "../audit/object.ts";
import { following, numberAt, page } from "./part.ts";
import type { Check, CheckContext } from "./part.ts";

/** Every run of bytes that a blob names is in R2. */
export const checkBlobObjects: Check = async ({ env }, from) => {
  const after = [numberAt(from, 0, 0), numberAt(from, 1, -1)] as const;
  const extents = await checkExtents(env.DB, after, LIMITS.fsckKeys);
  const keys = extents.map(({ key }) => key);
  const sizes = await objectSizes(env.BUCKET, keys);
  const differences = extents.flatMap(({ key, start, length, uuid }) =>
    compareObject({ key, end: start + length, of: `blob ${uuid}` }, sizes.get(key) ?? null),
  );
  const next = following(extents, LIMITS.fsckKeys, ({ blobId, position }) => [blobId, position]);
  return page({ next, rows: extents.length, differences });
};

/** Compares what names bytes up to `end` of an object with the object's size. */
export function compareObject(
  { key, end, of }: { key: string; end: number; of: string },
  size: number | null,
): Difference[] {
  if (size === null) {
    return [difference("object_missing", key, `${end} bytes of ${of}`)];
  }
  return size < end ? [difference("object_short", key, `${size} of ${end} bytes of ${of}`)] : [];
}

/** Every object in R2 is named by a blob, the audit, the list of garbage or an upload. */
export const checkListedObjects: Check = async (context, from) => {
  const { env, now } = context;
  const cursor = from[0] === undefined ? null : String(from[0]);
  const { objects, next } = await listObjects(env.BUCKET, cursor, LIMITS.fsckKeys);
  const unnamed = new Set(
    await findUnnamed(
      env.DB,
      objects.map(({ key }) => key),
    ),
  );
  const unknown = objects.filter(({ key }) => unnamed.has(key));
  const old = unknown.filter(({ uploadedAt }) => uploadedAt < now - LIMITS.garbageGrace);
  return page({
    next: next === null ? null : [next],
    objects: objects.length,
    young: unknown.length - old.length,
    differences: await compareUnnamed(context, old),
  });
};

async function compareUnnamed(
  context: CheckContext,
  objects: readonly ListedObject[],
): Promise<Difference[]> {
  const byUpload = new Map<Uuid, ListedObject[]>();
  const orphans: ListedObject[] = [];
  const differences: Difference[] = [];
  for (const object of objects) {
    const owner = ownerOf(object.key);
    if (owner === null) {
      differences.push(difference("object_foreign", object.key, `${object.size} bytes`));
    } else if (owner === "direct") {
      orphans.push(object);
    } else {
      byUpload.set(owner, [...(byUpload.get(owner) ?? []), object]);
    }
  }
  // Before the objects are asked: an upload that is open then was listed at this moment.
  const listed = await findListed(context.env.DB, [...byUpload.keys()]);
  for (const [uuid, own] of byUpload) {
    const asked = await compareUpload(context, uuid, { own, isListed: listed.has(uuid) });
    orphans.push(...asked.orphans);
    differences.push(...asked.differences);
  }
  return [...differences, ...(await concludeOrphans(context, orphans))];
}

/** The upload that an object is of; `direct` is one of small files or of the audit, null is none of ours. */
function ownerOf(key: string): Uuid | "direct" | null {
  const [folder, name = "", ...rest] = key.split("/");
  if (isAuditKey(key)) {
    return "direct";
  }
  const uuid = parseUuid(name);
  if (uuid === null) {
    return null;
  }
  if (folder === "files") {
    return rest.length === 0 ? "direct" : null;
  }
  return folder === "uploads" && rest.length === 1 && /^\d+$/u.test(rest[0] ?? "") ? uuid : null;
}

/** Asks an upload's object about keys. */
async function compareUpload(
  { env, repairs }: CheckContext,
  uuid: Uuid,
  { own, isListed }: { own: readonly ListedObject[]; isListed: boolean },
): Promise<{ orphans: ListedObject[]; differences: Difference[] }> {
  const found = await inspectUpload(env.UPLOADS, uuid);
  const held = new Set(found === null ? [] : keysOf(found));
  const orphans = own.filter(({ key }) => !held.has(key));
  if (found === null || found.phase !== "open" || isListed) {
    return { orphans, differences: [] };
  }
  const isRepaired = repairs && (await listUpload(env.DB, { uuid, ...found }));
  const unlisted = difference("upload_unlisted", uuid, `${found.size} bytes`);
  return { orphans, differences: [{ ...unlisted, isRepaired }] };
}

/** The open one may be complete by now without the upload's having noted it. */
function keysOf({ objects, leftovers, openKey }: Inspection): string[] {
  const keys = [...objects.map(({ key }) => key), ...leftovers];
  return openKey === null ? keys : [...keys, openKey];
}

async function concludeOrphans(
  { env, now, repairs }: CheckContext,
  objects: readonly ListedObject[],
): Promise<Difference[]> {
  if (objects.length === 0) {
    return [];
  }
  // Asked again: it may have been published, or swept, since.
  const keys = objects.map(({ key }) => key);
  const unnamed = new Set(await findUnnamed(env.DB, keys));
  const sizes = await objectSizes(env.BUCKET, unnamed);
  const orphans = objects.filter(({ key }) => (sizes.get(key) ?? null) !== null);
  if (repairs) {
    await noteOrphans(
      env.DB,
      orphans.map(({ key }) => key),
      now,
    );
  }
  return orphans.map(({ key, size }) => {
    return { ...difference("object_orphan", key, `${size} bytes`), isRepaired: repairs };
  });
}
