/** The names of the workspaces that one trusts to read its artifacts. */
export async function listTrusts(db: D1Database, workspaceId: number): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT w.name FROM trusts t JOIN workspaces w ON w.id = t.trusted_id
       WHERE t.workspace_id = ?1 ORDER BY w.name`,
    )
    .bind(workspaceId)
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

export async function addTrust(
  db: D1Database,
  workspaceId: number,
  trustedId: number,
): Promise<void> {
  await db
    .prepare("INSERT INTO trusts (workspace_id, trusted_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
    .bind(workspaceId, trustedId)
    .run();
}

export async function removeTrust(
  db: D1Database,
  workspaceId: number,
  trustedId: number,
): Promise<void> {
  await db
    .prepare("DELETE FROM trusts WHERE workspace_id = ?1 AND trusted_id = ?2")
    .bind(workspaceId, trustedId)
    .run();
}
