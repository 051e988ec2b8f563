// A new artifact from the list of its files. All paths and sizes are known, so everything is numbered at once;
// the bytes come later, in any order.

import { isOverQuota } from "../catalog/publish.ts";
import type { NewArtifact, StagedFile } from "../catalog/staging.ts";
import { revealVersion, stageArtifact, stageEntries } from "../catalog/staging.ts";
import {
  entriesLeft,
  entriesOf,
  findWorkspaceById,
  roomOf,
  usageOf,
} from "../catalog/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import type { Origin } from "../protocol/identity.ts";
import { newUuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { numberEntries } from "./numbering.ts";

/** An artifact to be, with nothing left to refuse. */
export interface Declaration extends Pick<
  NewArtifact,
  "workspaceId" | "category" | "data" | "expiresAt"
> {
  category: string;
  /** Who asked for it, and from where. */
  actor: string;
  origin?: Origin;
  /** In the order of `comparePaths()`, and free of conflicts. */
  files: readonly Omit<StagedFile, "sha512">[];
}

/** Makes the artifact and gives its id; refuses one that its workspace has no room for. Files that its workspace holds already, and empty ones, are complete
 * at once. Until the last statement nothing shows it: a crash leaves rows that the sweep removes. */
export async function declareArtifact(
  db: Env["DB"],
  { workspaceId, category, data, expiresAt, actor, origin, files }: Declaration,
  now: number,
): Promise<number> {
  await requireRoom(db, workspaceId, files);
  const uuid = newUuid();
  const artifact = {
    uuid,
    workspaceId,
    type: "other",
    sourceUrl: `debusine://artifact/${uuid}`,
    name: category,
    category,
    data,
    expiresAt,
  };
  const version = await stageArtifact(db, artifact, now);
  await stageEntries(db, version, numberEntries(withoutSha512(files)), now);
  try {
    await revealVersion(db, version, { actor, origin, now });
  } catch (error) {
    throw isOverQuota(error) ? new AppError("quota_exceeded") : error;
  }
  return version.artifactId;
}

/** What the last statement makes sure of, before anything is written. */
async function requireRoom(
  db: Env["DB"],
  workspaceId: number,
  files: Declaration["files"],
): Promise<void> {
  const workspace = await findWorkspaceById(db, workspaceId);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (workspace !== null && bytes > roomOf(workspace)) {
    throw new AppError("quota_exceeded", usageOf(workspace));
  }
  if (workspace !== null && isMoreThan(entriesLeft(workspace), files)) {
    throw new AppError("entries_exceeded", entriesOf(workspace));
  }
}

/** Would files and their folders be more entries than `most`? */
function isMoreThan(most: number, files: Declaration["files"]): boolean {
  if (most > LIMITS.bundleFiles + LIMITS.bundleFolders) {
    return false;
  }
  if (files.length > most) {
    return true;
  }
  let count = 0;
  for (const _ of numberEntries(files)) {
    count += 1;
  }
  return count > most;
}

function* withoutSha512(files: Declaration["files"]): Generator<StagedFile> {
  for (const file of files) {
    yield { ...file, sha512: null };
  }
}
