// R2 against the catalog, the upload objects and the drafts. An open multipart upload is seen by neither: R2 does
// not list them through a binding, and drops them by itself after seven days.

import { listObjects, objectSizes } from "../../blobs/list.ts";
import type { ListedObject } from "../../blobs/list.ts";
import { findDrafts, findListed, findUnnamed } from "../../catalog/upkeep/check-rows.ts";
import { listUpload, noteOrphans } from "../../catalog/upkeep/repair.ts";
import { inspectDraft } from "../../drafts/call-draft.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { parseUuid } from "../../protocol/ids.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { inspectUpload } from "../../uploads/gateway.ts";
import type { Inspection } from "../../uploads/internal.ts";
import { isAuditKey } from "../audit/object.ts";
import { page } from "./page.ts";
import type { Check, CheckContext } from "./page.ts";

/** Every object in R2 is named by a version, the audit, the list of garbage, an upload or a draft. */
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
  const byDraft = new Map<Uuid, ListedObject[]>();
  const orphans: ListedObject[] = [];
  const differences: Difference[] = [];
  for (const object of objects) {
    const owner = ownerOf(object.key);
    switch (owner.kind) {
      case "nobody":
        differences.push(difference("object_foreign", object.key, `${object.size} bytes`));
        break;
      case "catalog":
        orphans.push(object);
        break;
      case "upload":
        byUpload.set(owner.uuid, [...(byUpload.get(owner.uuid) ?? []), object]);
        break;
      case "draft":
        byDraft.set(owner.uuid, [...(byDraft.get(owner.uuid) ?? []), object]);
        break;
    }
  }
  // Before the objects are asked: an upload that is open then was listed at this moment.
  const listed = await findListed(context.env.DB, [...byUpload.keys()]);
  for (const [uuid, own] of byUpload) {
    const asked = await compareUpload(context, uuid, { own, isListed: listed.has(uuid) });
    orphans.push(...asked.orphans);
    differences.push(...asked.differences);
  }
  orphans.push(...(await findLeftPacks(context, byDraft)));
  return [...differences, ...(await concludeOrphans(context, orphans))];
}

/** Who knows of an object that is on its way into a version: an upload, a draft, or nobody but the catalog, as of manifests
 * and of the audit. */
type Owner = { kind: "upload" | "draft"; uuid: Uuid } | { kind: "catalog" } | { kind: "nobody" };

function ownerOf(key: string): Owner {
  if (isAuditKey(key) || isManifestKey(key)) {
    return { kind: "catalog" };
  }
  const [, folder, name = ""] = /^(uploads|packs)\/([^/]+)\/\d+$/u.exec(key) ?? [];
  const uuid = parseUuid(name);
  return uuid === null
    ? { kind: "nobody" }
    : { kind: folder === "packs" ? "draft" : "upload", uuid };
}

function isManifestKey(key: string): boolean {
  const [folder, ...uuids] = key.split("/");
  return (
    folder === "manifests" && uuids.length === 2 && uuids.every((uuid) => parseUuid(uuid) !== null)
  );
}

/** Packs of drafts that have no version any more, or that their drafts do not have. */
async function findLeftPacks(
  { env }: CheckContext,
  byDraft: ReadonlyMap<Uuid, ListedObject[]>,
): Promise<ListedObject[]> {
  const orphans: ListedObject[] = [];
  const known = await findDrafts(env.DB, [...byDraft.keys()]);
  for (const [uuid, own] of byDraft) {
    const draft = known.has(uuid) ? await inspectDraft(env.DRAFTS, uuid) : null;
    const next = draft?.nextPack ?? 0;
    orphans.push(...own.filter(({ key }) => Number(key.split("/")[2]) >= next));
  }
  return orphans;
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
