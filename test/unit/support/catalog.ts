import { env } from "cloudflare:workers";
import { inject } from "vitest";

import schema from "../../../schema.sql?raw";
import { statementsOf } from "../../../scripts/sql-statements.mjs";
import { createWorkspace } from "../../../src/catalog/access/workspaces.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { SCHEMAS } from "../../../src/catalog/schema-number.ts";
import type { Author } from "../../../src/protocol/identity.ts";

/** Makes this file's catalog. */
export async function applySchema(): Promise<void> {
  if (!inject("ownsStorage")) {
    throw new Error("A test that writes stands in STORAGE_TESTS of vitest.config.ts");
  }
  const record = `INSERT INTO schema_version (number, name, sha256, applied_at) VALUES (${SCHEMAS.newest}, 'schema.sql', '-', 0)`;
  const statements = [...statementsOf(schema), record];
  await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
}

/** Who does what a test needs done. */
export function byTest(): Author {
  return { actor: "stowage", now: Date.now() };
}

/** A new workspace. */
export async function makeWorkspace(name: string): Promise<Workspace> {
  const workspace = await createWorkspace(env.DB, name, false, byTest());
  if (workspace === null) {
    throw new Error(`Workspace ${name} exists already`);
  }
  return workspace;
}
