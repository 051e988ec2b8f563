// One request for a fetched URL: redirects are followed by hand, each target checked, and what the server
// answers is brought down to a body and where it begins, or a reason. Its bytes are those on the wire: a content
// coding is part of what the server published under that URL, as it is to curl and wget, and is never undone.

import { readDigests } from "../http/digest-headers.ts";
import { checkRemoteUrl, nextHop } from "../http/remote-url.ts";
import type { BodyDigest } from "../protocol/body-promise.ts";
import { messageFor } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { HostRules } from "../protocol/uploads.ts";

/** Why a request brought nothing. A final reason would be the same the next time. */
export interface Reason {
  message: string;
  isFinal: boolean;
}

/** What a server gave. */
export type Remote =
  | {
      kind: "body";
      body: ReadableStream<Uint8Array>;
      /** Where its bytes belong: 0, or the offset that was asked for. */
      start: number;
      /** The size of the whole, or null when it is not told. */
      total: number | null;
      etag: string | null;
      /** What a server says of the whole. What is not known here is passed over: nobody asked for it. */
      digests: readonly BodyDigest[];
    }
  /** The server says that there is nothing behind what we have. */
  | { kind: "whole" }
  /** It cannot go on from there. */
  | { kind: "restart" }
  | { kind: "refused"; reason: Reason };

/** What is asked for: all, or what follows the `offset` bytes that we have of the content `etag`, which has `total` where
 * that was told. */
export interface Wanted {
  offset: number;
  etag: string | null;
  total: number | null;
}

/** The URL, and how long it may take. */
export interface Target extends HostRules {
  url: string;
  /** When it is given up, in milliseconds. */
  deadline: number;
}

/** Refusals that may not last: a time-out, too early, too many requests. */
const RETRIED = new Set([408, 425, 429]);

/** Asks for a URL. */
export async function openRemote(target: Target, wanted: Wanted): Promise<Remote> {
  try {
    const found = await follow(target, wanted);
    return found instanceof Response ? await judge(found, wanted) : found;
  } catch (error) {
    console.warn("Cannot reach a fetched URL", error);
    return refused("the server cannot be reached");
  }
}

async function follow(target: Target, wanted: Wanted): Promise<Response | Remote> {
  let next = checkRemoteUrl(target.url, target);
  for (let hops = 0; hops <= LIMITS.fetchRedirects; hops += 1) {
    if (!next.ok) {
      return refused(messageFor(next.code, null), true);
    }
    const response = await ask(next.url, wanted, target.deadline - Date.now());
    const hop = nextHop(response, next.url, target);
    if (hop === null) {
      return response;
    }
    await response.body?.cancel();
    next = hop;
  }
  return refused(`the server redirects more than ${LIMITS.fetchRedirects} times`, true);
}

/** `patience`: milliseconds that are left for all of it. */
async function ask(url: URL, { offset, etag }: Wanted, patience: number): Promise<Response> {
  const headers = new Headers({ "Accept-Encoding": "identity", "User-Agent": "Stowage" });
  if (offset > 0 && etag !== null) {
    headers.set("Range", `bytes=${offset}-`);
    headers.set("If-Range", etag);
  }
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), Math.min(LIMITS.fetchHeaders, patience));
  try {
    return await fetch(url, {
      headers,
      redirect: "manual",
      signal: control.signal,
      // The runtime undoes gzip and Brotli otherwise, whatever was asked for.
      encodeResponseBody: "manual",
      // The cache of the zone that the Worker is in may hold an older copy, of other sites' files too.
      cache: "no-store",
    });
  } finally {
    clearTimeout(timer);
  }
}

async function judge(response: Response, wanted: Wanted): Promise<Remote> {
  const { status, body } = response;
  if (status === 200 && !isPart(response.headers)) {
    return wholeBody(response);
  }
  const remote = wanted.offset > 0 ? continuation(response, wanted) : null;
  if (remote?.kind !== "body") {
    await body?.cancel();
  }
  const answer = status === 200 ? "200 with a part of the content" : String(status);
  return remote ?? refused(`the server answered ${answer}`, status < 500 && !RETRIED.has(status));
}

/** Is a body called the whole, by 200, and a part of it by its Content-Range? */
function isPart(headers: Headers): boolean {
  const { start, total } = readContentRange(headers.get("Content-Range") ?? "");
  const length = parseCount(headers.get("Content-Length") ?? "");
  return start !== null && (start > 0 || (length !== null && (total ?? length) !== length));
}

/** What an answer to a range means; null when it is another refusal. */
function continuation({ status, body, headers }: Response, wanted: Wanted): Remote | null {
  const { etag } = wanted;
  const { start, total } = readContentRange(headers.get("Content-Range") ?? "");
  if (status === 206) {
    const goesOn = start === wanted.offset && isSameContent(headers, total, wanted);
    return body !== null && goesOn
      ? { kind: "body", body, start, total: total ?? wanted.total, etag, digests: [] }
      : { kind: "restart" };
  }
  if (status === 416) {
    const isWhole = total === wanted.offset && isSameContent(headers, total, wanted);
    return { kind: isWhole ? "whole" : "restart" };
  }
  return null;
}

/** Is an answer about the content that we have a part of, by its tag and by its size, where they are told? */
function isSameContent(headers: Headers, total: number | null, { etag, ...was }: Wanted): boolean {
  return (headers.get("ETag") ?? etag) === etag && (total ?? was.total) === (was.total ?? total);
}

/** RFC 9110 §14.4; null for what it does not tell. */
function readContentRange(text: string): { start: number | null; total: number | null } {
  const found = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/u.exec(text);
  return { start: parseCount(found?.[1] ?? ""), total: parseCount(found?.[2] ?? "") };
}

function wholeBody({ headers, body }: Response): Remote {
  const length = headers.get("Content-Length");
  const etag = headers.get("ETag");
  const { digests } = readDigests(headers, false);
  const isInOneGo = digests.length > 0 && digests.every(isPassing);
  return {
    kind: "body",
    body: body ?? new Blob([]).stream(),
    start: 0,
    total: length === null ? null : Number(length),
    // RFC 9110 §13.1.5: a weak one is no ground to go on from.
    etag: etag === null || etag.startsWith("W/") || isInOneGo ? null : etag,
    digests,
  };
}

/** Is it a digest by a hash whose state is not kept from one request to the next? Beside others it counts in one go alone. */
function isPassing({ algorithm }: BodyDigest): boolean {
  return algorithm === "md5" || algorithm === "sha1";
}

function refused(message: string, isFinal = false): Remote {
  return { kind: "refused", reason: { message, isFinal } };
}
