import type { Pace } from "./pace.ts";

/** Items sorted at a time by the runtime, which cannot be stopped. */
const RUN = 1_000;
/** Units of work for a comparison of paths: they may be alike for 1,000 bytes. */
const COMPARISON = 50;

/** Sorts items as toSorted() does, and lets others in meanwhile. */
export async function sortInSteps<T>(
  items: readonly T[],
  compare: (one: T, other: T) => number,
  pace: Pace,
): Promise<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).toSorted(compare));
    await pace.spendAndRest(RUN * 10 * COMPARISON);
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? [], compare, pace));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  one: readonly T[],
  other: readonly T[],
  compare: (one: T, other: T) => number,
  pace: Pace,
): Promise<T[]> {
  const merged: T[] = [];
  let [left, right] = [0, 0];
  while (left < one.length && right < other.length) {
    const end = merged.length + RUN;
    for (let first = one[left], second = other[right]; merged.length < end;) {
      if (first === undefined || second === undefined) {
        break;
      }
      if (compare(first, second) <= 0) {
        merged.push(first);
        left += 1;
        first = one[left];
      } else {
        merged.push(second);
        right += 1;
        second = other[right];
      }
    }
    await pace.spendAndRest(RUN * COMPARISON);
  }
  return merged.concat(one.slice(left), other.slice(right));
}
