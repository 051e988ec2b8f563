// Which requests an isolate's memory of credentials may answer for.

/** The only changes that it may answer for: bytes of an upload or a declared file that is there already. They come as
 * streams of requests, mint nothing, grant nothing and delete nothing. */
const BYTES_IN = [
  ["POST", /^\/upload\/[^/]+$/u],
  ["PATCH", /^\/files\/[^/]+$/u],
  ["PUT", /^\/api\/1\.0\/artifact\/[^/]+\/files\/./u],
] as const;

/** May credentials that held up to LIMITS.keyMemory ago count for a request? For all others the catalog is asked whether
 * they hold now: who deletes a key or disables a token must not be raced by its thief. */
export function mayRecall(method: string, path: string): boolean {
  return (
    method === "GET" ||
    method === "HEAD" ||
    method === "OPTIONS" ||
    BYTES_IN.some(([verb, pattern]) => verb === method && pattern.test(path))
  );
}
