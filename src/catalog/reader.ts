// Who reads: the one place that says in SQL which artifacts an identity may read.

import { sql } from "./sql.ts";
import type { Sql } from "./sql.ts";

/** An identity as the catalog's statements need it. `all` is the workspace `system` or a worker. */
export interface Reader {
  all: boolean;
  workspaceId: number | null;
  userId: number | null;
}

/** Nobody reads what is public. */
export const NOBODY: Reader = { all: false, workspaceId: null, userId: null };

/** May the reader see workspace `w`? Members, the workspace itself and those it trusts, and anyone where it
 * is public. */
export function visible({ all, workspaceId, userId }: Reader): Sql {
  return sql`(
    ${Number(all)} = 1 OR w.public = 1 OR w.id = ${workspaceId}
    OR EXISTS (SELECT 1 FROM trusts t WHERE t.workspace_id = w.id AND t.trusted_id = ${workspaceId})
    OR EXISTS (SELECT 1 FROM members m WHERE m.workspace_id = w.id AND m.user_id = ${userId}))`;
}

/** May the reader read artifact `a` of workspace `w`? Who sees the workspace may, and anyone where the
 * artifact is shared. */
export function readable(reader: Reader): Sql {
  return sql`(a.shared = 1 OR ${visible(reader)})`;
}

/** May the reader add artifacts to workspace `w`? Its own keys, contributors and owners, and `system`; a
 * worker reads only, which auth/access.ts decides. */
export function writable({ all, workspaceId, userId }: Reader): Sql {
  return sql`(
    ${Number(all)} = 1 OR w.id = ${workspaceId} OR EXISTS (
      SELECT 1 FROM members m
      WHERE m.workspace_id = w.id AND m.user_id = ${userId} AND m.role IN ('owner', 'contributor')))`;
}

/** The workspaces of which `readable` lets the reader read everything; not for a reader of all. */
export function readableWorkspaces({ workspaceId, userId }: Reader): Sql {
  return sql`
    SELECT ${workspaceId} AS id WHERE ${workspaceId} IS NOT NULL
    UNION SELECT workspace_id FROM trusts WHERE trusted_id = ${workspaceId}
    UNION SELECT workspace_id FROM members WHERE user_id = ${userId}
    UNION SELECT id FROM workspaces WHERE public = 1`;
}

/** The workspaces of which a reader's lists, bare names and notes tell it: its own, those that it is a member of, and
 * those that trust it once it accepted that. A trust alone lets it read by ids. */
export function familiarWorkspaces({ workspaceId, userId }: Reader): Sql {
  return sql`
    SELECT ${workspaceId} AS id WHERE ${workspaceId} IS NOT NULL
    UNION SELECT workspace_id FROM trusts WHERE trusted_id = ${workspaceId} AND accepted_at IS NOT NULL
    UNION SELECT workspace_id FROM members WHERE user_id = ${userId}`;
}

/** Is artifact `a` neither deleted nor expired? One whose `expires_at` is now is gone. */
export function livingAt(now: number): Sql {
  return sql`(a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > ${now}))`;
}
