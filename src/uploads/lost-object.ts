// Errors of a call to a Durable Object are of two kinds: the object's own code threw, which is a bug, or the platform lost
// the object: it was moved, reset by a deploy, overloaded, or ended for its memory or processor time, before or after it
// did what it was asked for.

/** How the platform says so where the error looks like one of the object's own.
 * https://developers.cloudflare.com/durable-objects/observability/troubleshooting/ */
const LOSSES =
  /\breset\b|\bexceeded\b.*\b(?:limit|memory|cpu|timeout)\b|\bcode (?:was|has been) updated\b|\bmoved to a different machine\b|\boverloaded\b|\bconnection lost\b/iu;

/** Did the platform lose the object? */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error) || !("remote" in error)) {
    return true;
  }
  return (
    "durableObjectReset" in error ||
    "overloaded" in error ||
    "retryable" in error ||
    LOSSES.test(error.message)
  );
}
