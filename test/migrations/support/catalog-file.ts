import { readdirSync } from "node:fs";
import { join } from "node:path";

/** The file that a state folder's catalog is in. */
export function catalogFile(state: string): string {
  const folder = join(state, "v3", "d1", "miniflare-D1DatabaseObject");
  const file = readdirSync(folder).find((name) => /^[0-9a-f]{64}\.sqlite$/u.test(name));
  if (file === undefined) {
    throw new Error(`There is no catalog in ${folder}`);
  }
  return join(folder, file);
}
