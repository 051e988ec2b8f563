// An archive's members -> files of a version. They are parts of the upload's R2 objects, so that only their manifest is
// written.

import { READER_REVISION } from "../archive/archive-problem.ts";
import {
  entriesLeft,
  entriesOf,
  findWorkspaceById,
  roomOf,
  usageOf,
} from "../catalog/access/workspaces.ts";
import { beginFetch } from "../catalog/publish/fetches.ts";
import {
  abandonArchive,
  findExploded,
  handOverExplode,
  noteExplodeFailure,
  noteExplodeProgress,
  publishMembers,
} from "../catalog/publish/members.ts";
import { checkRefused } from "../catalog/publish/refused-archives.ts";
import { insertUpload } from "../catalog/publish/uploads.ts";
import { hasRoom } from "../catalog/size.ts";
import type { Tree } from "../manifest/tree.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { ArtifactIntent, SealedArchive, SealResult } from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";
import { writeManifest } from "./manifests.ts";
import { publishOnce } from "./publish-once.ts";
import { countsOf, indexedOf } from "./whole-version.ts";

type Stores = Pick<Env, "DB" | "BUCKET">;

/** What upload objects ask of the catalog when they explode; `paidFor` gives it as whoever asked for that pays for it. */
export function explodeDesk(
  { DB: db, BUCKET: bucket }: Stores,
  paidFor: (intent: ArtifactIntent) => Env["DB"],
): Pick<
  CatalogDesk,
  | "beginExplode"
  | "openPack"
  | "handOver"
  | "reportExplode"
  | "checkMembers"
  | "publishMembers"
  | "failExplode"
  | "abandonMembers"
> {
  return {
    async beginExplode(uuid, intent, archive) {
      const paid = paidFor(intent);
      const checked = await checkRefused(paid, archive, READER_REVISION);
      if (!checked.ok) {
        return checked;
      }
      const begun = await beginFetch(paid, uuid, intent, Date.now());
      if (begun.ok && begun.uploadUuid !== uuid) {
        return { ok: false, code: "artifact_busy" };
      }
      return begun;
    },
    openPack: (uuid, workspaceId) => insertUpload(db, uuid, workspaceId, Date.now()),
    reportExplode: (uuid, progress) => noteExplodeProgress(db, uuid, progress),
    handOver: (uuid, pack, intent) =>
      handOverExplode(paidFor(intent), { uuid, pack, intent }, Date.now()),
    checkMembers: (intent, members) => checkMembers(paidFor(intent), intent, members),
    publishMembers: (archive, members) =>
      publish({ DB: paidFor(archive.intent), BUCKET: bucket }, archive, members),
    failExplode: (uuid, intent, message, archive) =>
      noteExplodeFailure(
        paidFor(intent),
        { uuid, intent, message },
        archive && { archive, reader: READER_REVISION },
        Date.now(),
      ),
    abandonMembers: (archive, message) =>
      abandonArchive(paidFor(archive.intent), archive, message, Date.now()),
  };
}

/** What can be refused before anything is written. */
async function checkMembers(
  db: Env["DB"],
  intent: ArtifactIntent,
  { total }: Tree,
): Promise<Outcome<object>> {
  const workspace = await findWorkspaceById(db, intent.workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (!(await hasRoom(db))) {
    return { ok: false, code: "catalog_full" };
  }
  if (total.entries + 1 > entriesLeft(workspace)) {
    return { ok: false, code: "entries_exceeded", detail: entriesOf(workspace) };
  }
  return total.bytes > roomOf(workspace)
    ? { ok: false, code: "quota_exceeded", detail: usageOf(workspace) }
    : { ok: true };
}

function publish(
  stores: Stores,
  archive: SealedArchive,
  members: Tree,
): Promise<Outcome<{ result: SealResult }>> {
  const { DB: db } = stores;
  const { uuid, intent } = archive;
  return publishOnce(db, uuid, intent, async () => {
    const artifact = await findExploded(db, uuid, intent.workspaceId);
    if (artifact === null) {
      return { ok: false, code: "artifact_not_found" };
    }
    const { manifest, keys } = await writeManifest(stores, members, uuid);
    const indexed = await indexedOf(members);
    const whole = { ...countsOf(members), manifest, keys, copied: new Set<string>(), indexed };
    return publishMembers(db, archive, { artifact, whole }, Date.now());
  });
}
