import { env } from "cloudflare:workers";

import schema from "../../../schema.sql?raw";
import { createWorkspace } from "../../../src/catalog/workspaces.ts";
import type { Workspace } from "../../../src/catalog/workspaces.ts";
import type { Author } from "../../../src/protocol/identity.ts";

/** Applies schema.sql to this file's catalog. */
export async function applySchema(): Promise<void> {
  const statements = schema
    .replaceAll(/--.*$/gmu, "")
    .split(/;[ \t]*\n+(?=(?!END\b)\S)/u)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
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
