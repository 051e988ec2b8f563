// The catalog against itself.

import {
  checkArtifacts,
  checkBlobs,
  checkGarbage,
  checkWorkspaces,
  countOverdue,
} from "../../catalog/check-rows.ts";
import type { CheckedArtifact, CheckedBlob } from "../../catalog/check-rows.ts";
import {
  endFetch,
  keepReferenced,
  raiseIndex,
  removeUnreferenced,
  sumUsedBytes,
  sumUsedEntries,
} from "../../catalog/repair.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { endOfMoved } from "../audit/move.ts";
import { sweep } from "../sweep.ts";
import { following, numberAt, page } from "./part.ts";
import type { Check, CheckContext } from "./part.ts";

export const checkBlobRows: Check = async (context, from) => {
  const blobs = await checkBlobs(context.env.DB, numberAt(from, 0, 0), LIMITS.fsckRows);
  const differences: Difference[] = [];
  for (const blob of blobs) {
    differences.push(...(await compareBlob(context, blob)));
  }
  const next = following(blobs, LIMITS.fsckRows, ({ id }) => [id]);
  return page({ next, rows: blobs.length, differences });
};

async function compareBlob(
  { env, now, repairs }: CheckContext,
  { id, uuid, size, held, extents, end, referenced }: CheckedBlob,
): Promise<Difference[]> {
  const found: Difference[] = [];
  if (held !== size || extents !== end) {
    const detail = `${extents} extents up to position ${end} have ${held} of ${size} bytes`;
    found.push(difference("blob_extents", uuid, detail));
  }
  // That of no bytes is kept: it has no object.
  if (referenced === 0 && size > 0) {
    const isRepaired = repairs && (await removeUnreferenced(env.DB, id, now));
    found.push({ ...difference("blob_unreferenced", uuid, `${size} bytes`), isRepaired });
  }
  return found;
}

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
  for (const { key, referenced } of garbage) {
    if (referenced === 1) {
      if (repairs) {
        await keepReferenced(env.DB, key);
      }
      const found = difference("garbage_referenced", key, "in garbage and in extents");
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
  const counts = await countOverdue(env.DB, { due, idle, expired, moved, most: LIMITS.fsckRows });
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
