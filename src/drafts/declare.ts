// A new artifact from the list of its files. In this order: (1) what its workspace has no room for is refused; (2) bytes that it has
// already are looked for; (3) a draft is opened, which ends by itself an hour later when nothing comes of it; (4) one batch makes the
// artifact with its version and copies the references to what was found. The bytes of the others come later, in any order.

import {
  entriesLeft,
  entriesOf,
  findWorkspaceById,
  roomOf,
  usageOf,
} from "../catalog/access/workspaces.ts";
import { findDeclared, insertDeclared, type DeclaredArtifact } from "../catalog/publish/declare.ts";
import { refusalIn } from "../catalog/refusals.ts";
import { AppError } from "../protocol/errors.ts";
import type { Author } from "../protocol/identity.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { countFolders } from "../protocol/paths.ts";
import { dropDraft, openDraft } from "./call-draft.ts";
import { Declared, DeclaredWriter } from "./declared.ts";
import type { DeclaredFile } from "./declared.ts";
import { toParts } from "./draft-rows.ts";
import { findFiles, NOTHING_FOUND } from "./found-files.ts";
import type { FoundFiles } from "./found-files.ts";

type Stores = Pick<Env, "DB" | "BUCKET" | "DRAFTS">;

/** An artifact to be, with nothing left to refuse. */
export interface Declaration extends Pick<
  DeclaredArtifact,
  "workspaceId" | "category" | "data" | "expiresAt"
> {
  /** Who asked for it, and from where. */
  actor: Author["actor"];
  origin?: Author["origin"];
  /** In the order of `comparePaths()`, and free of conflicts. */
  files: readonly DeclaredFile[];
}

/** An artifact that was made. `isComplete`: no file is missing, so that its draft may be sealed (`sealIfComplete`). */
export interface Made {
  id: number;
  draft: Uuid;
  isComplete: boolean;
}

/** Units of work for a file that is written. */
const FILE_WORK = 400;

/** Makes the artifact; refuses one that its workspace has no room for. Files that its workspace holds already, and empty ones, are
 * complete at once. */
export async function declareArtifact(
  stores: Stores,
  declaration: Declaration,
  now: number,
): Promise<Made> {
  const { workspaceId, files } = declaration;
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  const entryCount = files.length + countFolders(files);
  await requireRoom(stores.DB, workspaceId, { totalBytes, entryCount });
  const declared = await writeDeclared(files);
  for (let round = 1; ; round += 1) {
    const isLast = round === LIMITS.storageAttempts;
    const found = isLast ? NOTHING_FOUND : await findFiles(stores, declared, declaration, now);
    const made = await make(stores, declaration, { declared, found, entryCount, totalBytes }, now);
    if (made !== "object_gone") {
      return made;
    }
  }
}

async function writeDeclared(files: Declaration["files"]): Promise<Declared> {
  const writer = new DeclaredWriter();
  const pace = new Pace();
  for (const file of files) {
    writer.add(file);
    await pace.spendAndRest(FILE_WORK);
  }
  return new Declared(writer.finish());
}

/** What is to be made. */
interface Draft {
  declared: Declared;
  found: FoundFiles;
  entryCount: number;
  totalBytes: number;
}

/** Opens a draft and makes the artifact; what was found may be gone by then. */
async function make(
  stores: Stores,
  { workspaceId, category, data, expiresAt, actor, origin, files }: Declaration,
  { declared, found, entryCount, totalBytes }: Draft,
  now: number,
): Promise<Made | "object_gone"> {
  const [uuid, draft] = [newUuid(), newUuid()];
  const head = { uuid: draft, artifactUuid: uuid, workspaceId };
  const parts = [...toParts("declared", declared.chunks), ...toParts("found", found.rows)];
  await openDraft(stores.DRAFTS, head, parts);
  const artifact = { uuid, workspaceId, category, data, expiresAt, draft };
  const counts = { fileCount: files.length, entryCount, totalBytes, keys: found.keys };
  const empty = files.filter(({ size }) => size === 0).length;
  const isComplete = found.count + empty === files.length;
  try {
    const author = { actor, origin, now };
    const id = await insertDeclared(stores.DB, { ...artifact, ...counts }, author);
    return { id, draft, isComplete };
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === null) {
      const id = await findDeclared(stores.DB, uuid);
      if (id !== null) {
        return { id, draft, isComplete };
      }
      throw error;
    }
    await dropDraft(stores.DRAFTS, draft);
    if (refusal === "object_gone") {
      return refusal;
    }
    throw refusal === "artifact_renamed" ? error : new AppError(refusal);
  }
}

/** What the batch makes sure of, before anything is written. */
async function requireRoom(
  db: Env["DB"],
  workspaceId: number,
  { totalBytes, entryCount }: { totalBytes: number; entryCount: number },
): Promise<void> {
  const workspace = await findWorkspaceById(db, workspaceId);
  if (workspace !== null && totalBytes > roomOf(workspace)) {
    throw new AppError("quota_exceeded", usageOf(workspace));
  }
  // The version itself is one more.
  if (workspace !== null && entryCount + 1 > entriesLeft(workspace)) {
    throw new AppError("entries_exceeded", entriesOf(workspace));
  }
}
