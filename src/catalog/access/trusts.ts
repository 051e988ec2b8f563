import type { Author } from "../../protocol/identity.ts";
import { noteAudit } from "../audit/audit.ts";
import { repeatable } from "../database.ts";
import { prepare, sql } from "../sql.ts";

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
    prepare(
      db,
      sql`INSERT INTO trusts (workspace_id, trusted_id, accepted_at)
        VALUES (${workspaceId}, ${trusted.id}, ${accepted ? author.now : null})
        ON CONFLICT DO UPDATE SET accepted_at = excluded.accepted_at
        WHERE accepted_at IS NULL AND excluded.accepted_at IS NOT NULL`,
    ),
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
    prepare(
      db,
      sql`DELETE FROM trusts WHERE workspace_id = ${workspaceId} AND trusted_id = ${trusted.id}`,
    ),
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
  const { results } = await prepare(
    db,
    sql`SELECT w.name AS workspace, t.accepted_at AS acceptedAt
      FROM trusts t JOIN workspaces w ON w.id = t.workspace_id
      WHERE t.trusted_id = ${trustedId} AND w.name > ${after} ORDER BY w.name LIMIT ${limit}`,
  ).all<Truster>();
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
  const between = sql`trusted_id = ${trusted.id}
    AND workspace_id = (SELECT id FROM workspaces WHERE name = ${truster})`;
  const action = accepted ? "trust accepted" : "trust declined";
  const [, , found] = await repeatable(db).batch<Truster>([
    prepare(
      db,
      sql`UPDATE trusts SET accepted_at = ${accepted ? author.now : null}
        WHERE ${between} AND accepted_at ${accepted ? sql`IS NULL` : sql`IS NOT NULL`}`,
    ),
    noteAudit(db, { action, workspaceId: trusted.id, subject: truster }, author),
    prepare(
      db,
      sql`SELECT ${truster} AS workspace, accepted_at AS acceptedAt FROM trusts WHERE ${between}`,
    ),
  ]);
  return found?.results[0] ?? null;
}

/** Does the workspace of that name trust the other? */
export async function isTrustedBy(
  db: D1Database,
  workspace: string,
  trustedId: number,
): Promise<boolean> {
  const row = await prepare(
    db,
    sql`SELECT 1 FROM trusts t JOIN workspaces w ON w.id = t.workspace_id
      WHERE w.name = ${workspace} AND t.trusted_id = ${trustedId}`,
  ).first();
  return row !== null;
}
