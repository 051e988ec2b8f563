// The objects of the audit against R2 and each other: every byte is read, as none may be missing or another.

import { objectSizes } from "../../blobs/list.ts";
import { checkObjects } from "../../catalog/audit/objects.ts";
import type { CheckedObject } from "../../catalog/audit/objects.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { readObject, withObject } from "../audit/object.ts";
import { following, numberAt, page } from "./page.ts";
import type { Check } from "./page.ts";

/** Position: the number of the last object. */
export const checkAuditObjects: Check = async ({ env }, from) => {
  // A call reads no more bytes than these have lines.
  const limit = Math.floor(LIMITS.fsckBytes / LIMITS.auditObjectText);
  const objects = await checkObjects(env.DB, numberAt(from, 0, 0), limit);
  const sizes = await objectSizes(
    env.BUCKET,
    objects.map(({ key }) => key),
  );
  const differences: Difference[] = [];
  for (const object of objects) {
    differences.push(...compareChain(object));
    differences.push(...(await compareBytes(env.BUCKET, object, sizes.get(object.key) ?? null)));
  }
  const next = following(objects, limit, ({ number }) => [number]);
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  return page({ next, rows: objects.length, bytes, differences });
};

function compareChain({ number, key, isFirst, before, previous }: CheckedObject): Difference[] {
  if (isFirst === 1 || before === previous) {
    return [];
  }
  const detail = `number ${number} comes behind ${previous}, there is ${before ?? "nothing"}`;
  return [difference("audit_chain", key, detail)];
}

async function compareBytes(
  bucket: Env["BUCKET"],
  object: CheckedObject,
  size: number | null,
): Promise<Difference[]> {
  const { key, rows } = object;
  if (size === null) {
    return [difference("audit_missing", key, `${rows} rows`)];
  }
  if (size !== object.size) {
    return [difference("audit_altered", key, `it has ${size} bytes, not ${object.size}`)];
  }
  const read = await withObject(() => readObject(bucket, object));
  return read.ok ? [] : [difference("audit_altered", key, read.why)];
}
