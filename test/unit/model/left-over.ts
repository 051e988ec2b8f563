// What the store must have nothing of, once everything was deleted and time went by.

import { env } from "cloudflare:workers";

import { expectSame } from "./ask.ts";
import { usedBy } from "./model.ts";
import type { Model } from "./model.ts";

const TABLES = ["uploads", "artifacts", "versions", "object_refs", "contents", "holders"];

/** Each workspace uses as many bytes as the model says. */
export async function expectUsage({ clients, ...model }: Model): Promise<void> {
  for (const client of clients) {
    const used = await env.DB.prepare("SELECT used_bytes FROM workspaces WHERE id = ?1")
      .bind(client.id)
      .first("used_bytes");
    expectSame(used, usedBy({ clients, ...model }, client), `bytes used by ${client.name}`);
  }
}

/** Nothing is left in the catalog and in R2 but the audit. */
export async function expectEmpty(): Promise<void> {
  const counts = await env.DB.batch<{ name: string; rows: number }>(
    [...TABLES, "garbage", "conversions", "events"].map((table) =>
      env.DB.prepare(`SELECT '${table}' AS name, count(*) AS rows FROM ${table}`),
    ),
  );
  const left = counts.flatMap(({ results }) => results).filter(({ rows }) => rows > 0);
  expectSame(left, [], "rows that the sweep forgot");
  const { objects } = await env.BUCKET.list();
  const { results } = await env.DB.prepare("SELECT key FROM audit_objects").all<{ key: string }>();
  const ofAudit = new Set(results.map(({ key }) => key));
  expectSame(
    objects.map(({ key }) => key).filter((key) => !ofAudit.has(key)),
    [],
    "R2 objects that the sweep forgot",
  );
}
