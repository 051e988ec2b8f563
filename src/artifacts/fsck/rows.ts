// The catalog against itself.

import {
  checkArtifacts,
  checkContents,
  checkGarbage,
  checkWorkspaces,
  countOverdue,
} from "../../catalog/upkeep/check-rows.ts";
import type { CheckedArtifact } from "../../catalog/upkeep/check-rows.ts";
import {
  endFetch,
  keepReferenced,
  raiseIndex,
  removeUnheld,
  sumUsedBytes,
  sumUsedEntries,
} from "../../catalog/upkeep/repair.ts";
import { blobUuidOf } from "../../protocol/blob-uuid.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { endOfMoved } from "../audit/move.ts";
import { sweep } from "../sweep.ts";
import { following, numberAt, page } from "./page.ts";
import type { Check, CheckContext } from "./page.ts";

export const checkContentRows: Check = async ({ env, repairs }, from) => {
  const contents = await checkContents(env.DB, numberAt(from, 0, 0), LIMITS.fsckRows);
  const differences: Difference[] = [];
  for (const { id, sha512, size, isHeld } of contents) {
    if (isHeld === 0) {
      const isRepaired = repairs && (await removeUnheld(env.DB, id));
      const found = difference("content_unheld", blobUuidOf(sha512), `${size} bytes`);
      differences.push({ ...found, isRepaired });
    }
  }
  const next = following(contents, LIMITS.fsckRows, ({ id }) => [id]);
  return page({ next, rows: contents.length, differences });
};

export const checkArtifactRows: Check = async (context, from) => {
  const artifacts = await checkArtifacts(context.env.DB, numberAt(from, 0, 0), LIMITS.fsckRows);
  const differences: Difference[] = [];
  for (const artifact of artifacts) {
    differences.push(...(await compareArtifact(context, artifact)));
  }
  const next = following(artifacts, LIMITS.fsckRows, ({ id }) => [id]);
  return page({ next, rows: artifacts.length, differences });
};

async function compareArtifact(
  { env, repairs }: CheckContext,
  artifact: CheckedArtifact,
): Promise<Difference[]> {
  const { id, uuid, highestIndex, lastIndex, fetching, isFetched, isStuck } = artifact;
  const found: Difference[] = [];
  if (lastIndex > highestIndex) {
    if (repairs) {
      await raiseIndex(env.DB, id);
    }
    const detail = `highest index ${highestIndex}, version ${lastIndex}`;
    found.push({ ...difference("artifact_index", uuid, detail), isRepaired: repairs });
  }
  if ((fetching !== null && isFetched === 0) || isStuck === 1) {
    const isRepaired = repairs && (await endFetch(env.DB, id));
    const detail = `upload ${fetching ?? "unknown"}`;
    found.push({ ...difference("artifact_fetching", uuid, detail), isRepaired });
  }
  return found;
}

export const checkGarbageRows: Check = async ({ env, repairs }, from) => {
  const garbage = await checkGarbage(env.DB, String(from[0] ?? ""), LIMITS.fsckRows);
  const differences: Difference[] = [];
  for (const { key, isReferenced } of garbage) {
    if (isReferenced === 1) {
      if (repairs) {
        await keepReferenced(env.DB, key);
      }
      const found = difference("garbage_referenced", key, "in garbage, and named");
      differences.push({ ...found, isRepaired: repairs });
    }
  }
  const next = following(garbage, LIMITS.fsckRows, ({ key }) => [key]);
  return page({ next, rows: garbage.length, differences });
};

export const checkOverdue: Check = async (context) => {
  const { env, idleMs, auditMs, now, repairs } = context;
  const before = await overdue(context);
  if (before.size === 0) {
    return page({});
  }
  if (repairs) {
    await sweep(env, idleMs, now, auditMs);
  }
  const after = repairs ? await overdue(context) : before;
  const differences = [...before].map(([what, count]) => {
    const many = count === LIMITS.fsckRows ? `${count} or more` : String(count);
    return { ...difference("sweep_behind", what, many), isRepaired: !after.has(what) };
  });
  return page({ differences });
};

async function overdue({ env, idleMs, now }: CheckContext): Promise<Map<string, number>> {
  const expired = now - LIMITS.fsckSlack;
  const [due, idle] = [expired - LIMITS.garbageGrace, expired - idleMs];
  const moved = endOfMoved(expired);
  const counts = await countOverdue(env.DB, { due, idle, expired, moved }, LIMITS.fsckRows);
  return new Map(Object.entries(counts).filter(([, count]) => count > 0));
}

export const checkWorkspaceRows: Check = async ({ env, repairs }, from) => {
  const limit = LIMITS.fsckWorkspaces;
  const workspaces = await checkWorkspaces(env.DB, numberAt(from, 0, 0), limit);
  const differences: Difference[] = [];
  for (const { id, name, usedBytes, summedBytes, usedEntries, summedEntries } of workspaces) {
    if (usedBytes !== summedBytes) {
      if (repairs) {
        await sumUsedBytes(env.DB, id);
      }
      const found = difference("used_bytes", name, `${usedBytes}, summed ${summedBytes}`);
      differences.push({ ...found, isRepaired: repairs });
    }
    if (usedEntries !== summedEntries) {
      if (repairs) {
        await sumUsedEntries(env.DB, id);
      }
      const found = difference("used_entries", name, `${usedEntries}, summed ${summedEntries}`);
      differences.push({ ...found, isRepaired: repairs });
    }
  }
  const next = following(workspaces, limit, ({ id }) => [id]);
  return page({ next, rows: workspaces.length, differences });
};
