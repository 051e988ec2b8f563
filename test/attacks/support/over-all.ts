// The same to each operation, one after the other, while others use the service.

import { OPERATIONS } from "./operations.ts";
import type { Operation } from "./operations.ts";
import { harmOf, LONGEST_ADDED_MS, watched } from "./watch.ts";
import type { Seen } from "./watch.ts";

/** What a tenant's own things do not outlive comes last. */
const ORDERED = OPERATIONS.toSorted((one, other) => rankOf(one) - rankOf(other));

function rankOf({ method }: Operation): number {
  return method === "DELETE" ? 1 : 0;
}

/** Sends to one operation after the other; gives the statuses that are faults, and says what went on when others waited. */
export async function overAll(
  title: string,
  act: (operation: Operation) => Promise<number[]>,
  longestMs?: number,
) {
  const spans: { name: string; from: number; to: number }[] = [];
  const seen = await watched(title, async () => {
    const faults: string[] = [];
    for (const operation of ORDERED) {
      const from = performance.timeOrigin + performance.now();
      const statuses = await act(operation);
      spans.push({ name: operation.name, from, to: performance.timeOrigin + performance.now() });
      faults.push(...statuses.filter(isFault).map((status) => `${operation.name}: ${status}`));
    }
    return [...new Set(faults)];
  });
  return {
    faults: seen.result,
    harm: harmOf(seen, longestMs),
    during: slowest(seen, spans, longestMs),
  };
}

/** 503 says to come again, and 507 that there is no room. */
function isFault(status: number): boolean {
  return status === 0 || (status >= 500 && status !== 503 && status !== 507);
}

function slowest(
  seen: Seen<unknown>,
  spans: { name: string; from: number; to: number }[],
  longestMs = LONGEST_ADDED_MS,
): string[] {
  const late = seen.samples.filter(({ ms, status }) => ms > longestMs || status !== 200);
  return spans
    .filter(({ from, to }) => late.some(({ at, ms }) => at < to && at + ms > from))
    .map(({ name }) => name);
}

/** What comes of it where nobody is harmed. */
export const NOTHING = { faults: [], harm: [], during: [] };
