/** Lets one workspace read what another has. */
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
