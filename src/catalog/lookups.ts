// What strangers looked up a moment ago in this isolate. D1 is one thread, and who has no account of their own may come
// from everywhere: the same question is answered from here for some seconds.
//
// A change that is made through this isolate forgets everything, so that it is seen at once; other isolates show what was
// deleted, made private or replaced for at most LIMITS.lookupMemory longer. What expires ends on time, but in lists.

import { LIMITS } from "../protocol/limits.ts";

interface Entry {
  value: unknown;
  /** Characters of its key and of its value as JSON. */
  length: number;
  until: number;
}

/** The oldest first. */
const entries = new Map<string, Entry>();
let held = 0;
/** Changes with every write: what was read before one is not remembered after it. */
let generation = 0;

/** What a look-up gives, from memory when the same key was looked up a moment ago. `key` names the look-up with all
 * that its result depends on but the time; the value is plain data that nobody changes. */
export async function remember<T>(
  key: readonly unknown[],
  now: number,
  lookUp: () => Promise<T>,
): Promise<T> {
  const name = JSON.stringify(key);
  const known = entries.get(name);
  if (known !== undefined && known.until > now) {
    return known.value as T;
  }
  const began = generation;
  const value = await lookUp();
  if (generation === began) {
    drop(name);
    keep(name, value, now);
  }
  return value;
}

/** After a change of whatever may be looked up, and before it where others may see it earlier. */
export function forgetLookups(): void {
  generation += 1;
  entries.clear();
  held = 0;
}

function keep(name: string, value: unknown, now: number): void {
  const length = name.length + JSON.stringify(value).length;
  if (length > LIMITS.lookupLength) {
    return;
  }
  for (const [oldest] of entries) {
    if (held + length <= LIMITS.lookupsLength) {
      break;
    }
    drop(oldest);
  }
  entries.set(name, { value, length, until: Math.min(now + LIMITS.lookupMemory, expiryOf(value)) });
  held += length;
}

function drop(name: string): void {
  held -= entries.get(name)?.length ?? 0;
  entries.delete(name);
}

/** When what was found ends by itself. */
function expiryOf(value: unknown): number {
  const { expiresAt }: { expiresAt?: unknown } = Object(value);
  return typeof expiresAt === "number" ? expiresAt : Infinity;
}
