// An archive's members -> files of a version, with the catalog asked before and after as in publish.ts. What is
// written until the last batch is not seen, and goes with the sweep if that one never comes.

import { READER_REVISION } from "../archive/archive-problem.ts";
import {
  abandonArchive,
  handOverExplode,
  noteExplodeFailure,
  noteProgress,
  revealMembers,
  stageNextVersion,
} from "../catalog/explode.ts";
import { beginFetch } from "../catalog/fetches.ts";
import { findConversion, isArtifactGone, isOverQuota } from "../catalog/publish.ts";
import { checkRefused } from "../catalog/refused-archives.ts";
import { hasRoom } from "../catalog/size.ts";
import { stageEntries } from "../catalog/staging.ts";
import type { StagedFile, StagedVersion } from "../catalog/staging.ts";
import { insertUpload } from "../catalog/uploads.ts";
import {
  entriesLeft,
  entriesOf,
  findWorkspaceById,
  isOverEntries,
  roomOf,
  usageOf,
} from "../catalog/workspaces.ts";
import type { Outcome } from "../protocol/errors.ts";
import { newUuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import type {
  ArchiveMember,
  ArtifactIntent,
  SealedArchive,
  SealResult,
} from "../protocol/uploads.ts";
import type { CatalogDesk } from "../uploads/context.ts";
import { numberEntries } from "./numbering.ts";

type Database = Env["DB"];
type Published = Outcome<{ result: SealResult }>;

/** What upload objects ask of the catalog when they explode; `paidFor` gives it as whoever asked for that pays for it. */
export function explodeDesk(
  db: Database,
  paidFor: (intent: ArtifactIntent) => Database,
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
    reportExplode: (uuid, progress) => noteProgress(db, uuid, progress),
    handOver: (uuid, pack, intent) =>
      handOverExplode(paidFor(intent), { uuid, pack, intent }, Date.now()),
    checkMembers: (archive) => checkMembers(paidFor(archive.intent), archive),
    publishMembers: (archive) => publishMembers(paidFor(archive.intent), archive, Date.now()),
    failExplode: (uuid, intent, message, archive) =>
      noteExplodeFailure(
        paidFor(intent),
        { uuid, intent, message },
        archive && { archive, reader: READER_REVISION },
      ),
    abandonMembers: (archive, message) =>
      abandonArchive(paidFor(archive.intent), archive, message, Date.now()),
  };
}

/** Units of work for an entry: its row, its places in R2 objects, its number. */
const ENTRY_WORK = 1_000;

/** What can be refused before anything is written. */
async function checkMembers(
  db: Database,
  { intent, members }: Pick<SealedArchive, "intent" | "members">,
): Promise<Outcome<object>> {
  const pace = new Pace();
  let folders = 0;
  let bytes = 0;
  let entries = 0;
  for (const entry of numberEntries(members())) {
    entries += 1;
    folders += entry.kind === "folder" ? 1 : 0;
    bytes += entry.kind === "file" ? entry.file.size : 0;
    if (folders > LIMITS.archiveFolders) {
      const detail = `${LIMITS.archiveFolders} are taken`;
      return { ok: false, code: "artifact_explode_folders", detail };
    }
    await pace.spendAndRest(ENTRY_WORK);
  }
  const workspace = await findWorkspaceById(db, intent.workspaceId);
  if (workspace === null) {
    return { ok: false, code: "namespace_not_found" };
  }
  if (!(await hasRoom(db))) {
    return { ok: false, code: "catalog_full" };
  }
  if (entries > entriesLeft(workspace)) {
    return { ok: false, code: "entries_exceeded", detail: entriesOf(workspace) };
  }
  return bytes > roomOf(workspace)
    ? { ok: false, code: "quota_exceeded", detail: usageOf(workspace) }
    : { ok: true };
}

async function publishMembers(
  db: Database,
  archive: SealedArchive,
  now: number,
): Promise<Published> {
  const before = await findConversion(db, archive.uuid);
  if (before !== null) {
    return { ok: true, result: before };
  }
  const version = await stageNextVersion(db, archive, now);
  if (version === null) {
    return { ok: false, code: "artifact_not_found" };
  }
  try {
    await stageEntries(db, version, numberEntries(toFiles(archive.members())), now);
    return await reveal(db, archive, version);
  } catch (error) {
    if (isOverEntries(error)) {
      return { ok: false, code: "entries_exceeded" };
    }
    throw error;
  }
}

function* toFiles(members: Iterable<ArchiveMember>): Generator<StagedFile> {
  for (const { crc32, extents, ...file } of members) {
    yield { ...file, contentType: null, bytes: { uuid: newUuid(), crc32, extents } };
  }
}

async function reveal(
  db: Database,
  archive: SealedArchive,
  version: StagedVersion,
): Promise<Published> {
  try {
    await revealMembers(db, archive, version, Date.now());
  } catch (error) {
    const committed = await findConversion(db, archive.uuid);
    if (committed !== null) {
      return { ok: true, result: committed };
    }
    const workspace = await findWorkspaceById(db, archive.intent.workspaceId);
    if (workspace === null || isArtifactGone(error)) {
      return { ok: false, code: "artifact_not_found" };
    }
    if (isOverQuota(error)) {
      return { ok: false, code: "quota_exceeded", detail: usageOf(workspace) };
    }
    throw error;
  }
  const result = await findConversion(db, archive.uuid);
  if (result === null) {
    throw new Error(`Cannot find what archive ${archive.uuid} was published as`);
  }
  return { ok: true, result };
}
