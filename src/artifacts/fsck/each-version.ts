// Checks that go through versions, as many in a call as are worth about one call. A version may be worth several.

import { checkVersions, findCheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import type { CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { numberAt, page } from "./page.ts";
import type { Check, CheckContext, CheckedPage, Position } from "./page.ts";

/** What came of a version, or of a piece of it. `work` is its share of what a call may do: 1 is all. */
export interface VersionPage extends Partial<CheckedPage> {
  work: number;
}

/** Checks a version, from a position that it gave; `[]` is its beginning. `left` is what remains of the call. */
type VersionCheck = (
  context: CheckContext,
  version: CheckedVersion,
  at: Position,
  left: number,
) => Promise<VersionPage>;

/** The check that does this to all living versions. Position: the next version, then the position in it. */
export function eachVersion(check: VersionCheck): Check {
  return async (context, from) => {
    const [begun, at] = [numberAt(from, 0, 0), from.slice(1)];
    const all = { rows: 0, bytes: 0, differences: [] as Difference[] };
    let work = 0;
    for await (const version of livingVersions(context.env.DB, begun)) {
      const found = await check(context, version, version.id === begun ? at : [], 1 - work);
      all.rows += found.rows ?? 0;
      all.bytes += found.bytes ?? 0;
      all.differences.push(...(found.differences ?? []));
      work += found.work + 1 / LIMITS.fsckRows;
      if (found.next) {
        return page({ ...all, next: [version.id, ...found.next] });
      }
      if (work >= 1) {
        return page({ ...all, next: [version.id + 1] });
      }
    }
    return page(all);
  };
}

async function* livingVersions(db: Env["DB"], from: number): AsyncGenerator<CheckedVersion> {
  for (let next = from; ;) {
    const versions = await checkVersions(db, next, {
      limit: LIMITS.fsckRows,
      bytes: LIMITS.manifestRead,
    });
    const last = versions.at(-1);
    if (last === undefined) {
      return;
    }
    yield* versions;
    next = last.id + 1;
  }
}

/** A difference of a version. */
export function ofVersion(
  { artifactUuid, index }: CheckedVersion,
  kind: Difference["kind"],
  detail: string,
  isRepaired = false,
): Difference {
  return { ...difference(kind, `${artifactUuid} version ${index}`, detail), isRepaired };
}

/** Does a version live, and is it as it was read? It may be sealed or deleted meanwhile. */
export async function isUnchanged(db: Env["DB"], version: CheckedVersion): Promise<boolean> {
  return (await findCheckedVersion(db, version.id))?.sealedAt === version.sealedAt;
}
