import type { Author } from "../protocol/identity.ts";
import { noteAudit } from "./audit.ts";
import { repeatable } from "./database.ts";

interface TrustedWorkspace {
  id: number;
  name: string;
}

/** Lets one workspace read what another has. A repeat changes nothing, but that an `accepted` one is accepted. */
export async function addTrust(
  db: D1Database,
  { workspaceId, accepted }: { workspaceId: number; accepted: boolean },
  trusted: TrustedWorkspace,
  author: Author,
): Promise<void> {
  await repeatable(db).batch([
    db
      .prepare(
        `INSERT INTO trusts (workspace_id, trusted_id, accepted_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET accepted_at = excluded.accepted_at
         WHERE accepted_at IS NULL AND excluded.accepted_at IS NOT NULL`,
      )
      .bind(workspaceId, trusted.id, accepted ? author.now : null),
    noteAudit(db, { action: "trust given", workspaceId, subject: trusted.name }, author),
  ]);
}

export async function removeTrust(
  db: D1Database,
  workspaceId: number,
  trusted: TrustedWorkspace,
  author: Author,
): Promise<void> {
  await repeatable(db).batch([
    db
      .prepare("DELETE FROM trusts WHERE workspace_id = ?1 AND trusted_id = ?2")
      .bind(workspaceId, trusted.id),
    noteAudit(db, { action: "trust ended", workspaceId, subject: trusted.name }, author),
  ]);
}

/** A trust as the trusted workspace sees it. */
export interface Truster {
  workspace: string;
  /** Null until it is accepted. */
  acceptedAt: number | null;
}

/** The workspaces that trust one, by name, the first `limit` after `after`. */
export async function listTrusters(
  db: D1Database,
  trustedId: number,
  after: string,
  limit: number,
): Promise<Truster[]> {
  const { results } = await db
    .prepare(
      `SELECT w.name AS workspace, t.accepted_at AS acceptedAt
       FROM trusts t JOIN workspaces w ON w.id = t.workspace_id
       WHERE t.trusted_id = ?1 AND w.name > ?2 ORDER BY w.name LIMIT ?3`,
    )
    .bind(trustedId, after, limit)
    .all<Truster>();
  return results;
}

/** Accepts the trust of the workspace `truster`, or takes that back; a repeat changes nothing. Gives the trust, null
 * where there is none. */
export async function setAcceptance(
  db: D1Database,
  trusted: TrustedWorkspace,
  { truster, accepted }: { truster: string; accepted: boolean },
  author: Author,
): Promise<Truster | null> {
  const between = `trusted_id = ?1 AND workspace_id = (SELECT id FROM workspaces WHERE name = ?2)`;
  const action = accepted ? "trust accepted" : "trust declined";
  const [, , found] = await repeatable(db).batch<Truster>([
    db
      .prepare(
        `UPDATE trusts SET accepted_at = iif(accepted_at IS NULL, ?3, NULL)
         WHERE ${between} AND (accepted_at IS NULL) = ?4`,
      )
      .bind(trusted.id, truster, author.now, accepted ? 1 : 0),
    noteAudit(db, { action, workspaceId: trusted.id, subject: truster }, author),
    db
      .prepare(`SELECT ?2 AS workspace, accepted_at AS acceptedAt FROM trusts WHERE ${between}`)
      .bind(trusted.id, truster),
  ]);
  return found?.results[0] ?? null;
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
