// A new artifact from the list of its files. All paths and sizes are known, so everything is numbered at once;
// the bytes come later, in any order.

import type { NewArtifact, StagedFile } from "../catalog/staging.ts";
import { revealVersion, stageArtifact, stageEntries } from "../catalog/staging.ts";
import { newUuid } from "../protocol/ids.ts";
import { numberEntries } from "./numbering.ts";

/** An artifact to be, with nothing left to refuse. */
export interface Declaration extends Pick<
  NewArtifact,
  "workspaceId" | "category" | "data" | "expiresAt"
> {
  category: string;
  /** In the order of `comparePaths()`, and free of conflicts. */
  files: readonly Omit<StagedFile, "sha512">[];
}

/** Makes the artifact and gives its id. Files that its workspace holds already, and empty ones, are complete
 * at once. Until the last statement nothing shows it: a crash leaves rows that the sweep removes. */
export async function declareArtifact(
  db: Env["DB"],
  { workspaceId, category, data, expiresAt, files }: Declaration,
  now: number,
): Promise<number> {
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
  await revealVersion(db, version, now);
  return version.artifactId;
}

function* withoutSha512(files: Declaration["files"]): Generator<StagedFile> {
  for (const file of files) {
    yield { ...file, sha512: null };
  }
}
