import type { Service, TestEnv } from "./service.ts";

export type Role = "owner" | "contributor" | "viewer";

export interface MadeToken {
  id: number;
  token: string;
}

/** A new user, with a role in some workspaces, and a token of theirs. */
export async function makeUserToken(
  service: Service,
  name: string,
  roles: Record<string, Role> = {},
): Promise<MadeToken> {
  const system = await service.loginAsSystem();
  const password = `password of ${name}`;
  await service.json("POST", "/auth/users", { name, password }, system);
  for (const [workspace, role] of Object.entries(roles)) {
    await service.json("PUT", `/auth/namespaces/${workspace}/members/${name}`, { role }, system);
  }
  return service.json("POST", "/auth/tokens", { kind: "user", user: name }, system);
}

/** A new worker's token; `expiresAt` in milliseconds, null for never. */
export async function makeWorkerToken(
  service: Service,
  expiresAt: number | null = null,
): Promise<MadeToken> {
  const system = await service.loginAsSystem();
  return service.json("POST", "/auth/tokens", { kind: "worker", expires_at: expiresAt }, system);
}

/** A worker's token whose time has passed. */
export async function makeExpiredToken(service: Service & { env: TestEnv }): Promise<MadeToken> {
  const made = await makeWorkerToken(service);
  await service.env.DB.prepare("UPDATE tokens SET expires_at = ?2 WHERE id = ?1")
    .bind(made.id, Date.now() - 1)
    .run();
  return made;
}
