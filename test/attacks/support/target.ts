// The server under attack, and those who use it: tenants with keys, users with tokens.

import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { inject } from "vitest";

import { Service } from "../../support/service.ts";
import { StateFolder } from "../../support/state-folder.ts";

const { origin, state, systemKey, pids } = inject("attacked");

export const service = new Service(origin);
const catalog = new StateFolder(state);

/** The process that runs the Worker, its objects and the simulators. */
export const workerd = pids.find((pid) => commandOf(pid) === "workerd") ?? 0;

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}

export const system = await service.login("system", systemKey);

/** A workspace that nobody else has to do with. */
export interface Tenant {
  name: string;
  key: string;
  bearer: string;
}

export async function makeTenant(
  options: { public?: boolean; quota?: number } = {},
): Promise<Tenant> {
  const { quota, ...made } = options;
  const name = `t${randomBytes(5).toString("hex")}`;
  const key = randomUUID();
  const body = { namespace: name, key_name: "ci", key, ...made };
  await service.json("POST", "/auth/namespaces", body, system);
  if (quota !== undefined) {
    await service.json("PATCH", `/auth/namespaces/${name}`, { quota_bytes: quota }, system);
  }
  return { name, key, bearer: await service.login(name, key) };
}

/** A user without any workspace, and a token of theirs. */
export async function makeUser(): Promise<{ name: string; token: string }> {
  const name = `u${randomBytes(5).toString("hex")}`;
  await service.json("POST", "/auth/users", { name, password: randomUUID() }, system);
  const asked = { kind: "user", user: name };
  const { token } = await service.json<{ token: string }>("POST", "/auth/tokens", asked, system);
  return { name, token };
}

/** Bytes of the catalog that hold something. */
export function catalogBytes(): number {
  const [row] = catalog.rows<{ bytes: number }>(
    `SELECT (p.page_count - f.freelist_count) * s.page_size AS bytes
     FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
  );
  return row?.bytes ?? 0;
}
