import type { Author } from "./artifact-changes.ts";
import { noteAudit } from "./audit.ts";

interface TrustedWorkspace {
  id: number;
  name: string;
}

/** Lets one workspace read what another has. */
export async function addTrust(
  db: D1Database,
  workspaceId: number,
  trusted: TrustedWorkspace,
  author: Author,
): Promise<void> {
  await db.batch([
    db
      .prepare(
        "INSERT INTO trusts (workspace_id, trusted_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
      )
      .bind(workspaceId, trusted.id),
    noteAudit(db, { action: "trust given", workspaceId, subject: trusted.name }, author),
  ]);
}

export async function removeTrust(
  db: D1Database,
  workspaceId: number,
  trusted: TrustedWorkspace,
  author: Author,
): Promise<void> {
  await db.batch([
    db
      .prepare("DELETE FROM trusts WHERE workspace_id = ?1 AND trusted_id = ?2")
      .bind(workspaceId, trusted.id),
    noteAudit(db, { action: "trust ended", workspaceId, subject: trusted.name }, author),
  ]);
}

/** Does the workspace of that name trust the other? */
export async function isTrustedBy(
  db: D1Database,
  workspace: string,
  trustedId: number,
): Promise<boolean> {
  const row = await db
    .prepare(
      `SELECT 1 FROM trusts t JOIN workspaces w ON w.id = t.workspace_id
       WHERE w.name = ?1 AND t.trusted_id = ?2`,
    )
    .bind(workspace, trustedId)
    .first();
  return row !== null;
}
