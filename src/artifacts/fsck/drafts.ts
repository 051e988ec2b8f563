import { AppError } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { isLost } from "../../uploads/lost-object.ts";

/** What a draft has, with the keys of its packs behind number `after`; null where it is gone. Throws when it does not
 * answer. */
export async function inspectDraft(drafts: Env["DRAFTS"], draft: Uuid, after: number) {
  try {
    return await drafts.getByName(draft).inspect(after);
  } catch (error) {
    throw isLost(error) ? new AppError("storage_unavailable", `draft ${draft}`) : error;
  }
}

/** Of packs of a draft, by their numbers, those that it has. */
export async function findHeldPacks(
  drafts: Env["DRAFTS"],
  draft: Uuid,
  numbers: readonly number[],
): Promise<Set<string>> {
  const held = new Set<string>();
  const last = Math.max(...numbers);
  let after: number | null = Math.min(...numbers) - 1;
  while (after !== null && after < last) {
    const found: Awaited<ReturnType<typeof inspectDraft>> = await inspectDraft(
      drafts,
      draft,
      after,
    );
    for (const key of found?.keys ?? []) {
      held.add(key);
    }
    after = found?.next ?? null;
  }
  return held;
}
