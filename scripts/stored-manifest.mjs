// Where the manifest of a version is kept (docs/storage.md): its row in D1, and mostly an object in R2.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { unstable_readConfig as readConfig } from "wrangler";

import { query } from "./migrate-database.mjs";
import { run } from "./processes.mjs";
import { BIN, NODE, ROOT, toolEnvironment } from "./project.mjs";

/**
 * Writes the manifest of an artifact's version, or of its newest complete one, into a file.
 * @param {import("./migrate-database.mjs").Target} target
 * @param {{ artifact: string, version: string | null }} wanted `artifact` is a number or a uuid, `version` a number
 * @param {string} file
 */
export async function storeManifest(target, { artifact, version }, file) {
  const column = /^\d+$/u.test(artifact) ? "id" : "uuid";
  const which = version === null ? "" : `AND v.version_index = ${Number(version)}`;
  const [row] = await query(
    target,
    `SELECT v.manifest_key AS key, hex(v.manifest) AS bytes
     FROM versions v JOIN artifacts a ON a.id = v.artifact_id
     WHERE a.${column} = '${artifact}' AND v.sealed_at IS NOT NULL ${which}
     ORDER BY v.version_index DESC LIMIT 1`,
  );
  if (row === undefined) {
    const named = version === null ? "complete version" : `complete version ${version}`;
    throw new Error(`${target.name} has no ${named} of artifact ${artifact}`);
  }
  if (row.key === null) {
    writeFileSync(file, Buffer.from(row.bytes, "hex"));
    return;
  }
  const bucket = readConfig({ config: join(ROOT, "wrangler.toml") }).r2_buckets[0]?.bucket_name;
  const from = `${bucket}/${row.key}`;
  const { code, output } = await run(
    NODE,
    [join(BIN, "wrangler"), "r2", "object", "get", from, `--file=${file}`, ...target.options],
    toolEnvironment(),
  );
  if (code !== 0) {
    throw new Error(`Cannot read ${from}:\n${output}`);
  }
}
