// Which URLs the service fetches for a client: http and https, on hosts that the whole internet reaches and that the
// deployment allows. A name may still lead to a private address: a Worker cannot look that up before it connects
// (SECURITY.md).

import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { HostRules } from "../protocol/uploads.ts";

const MAX_LENGTH = 4_096;

/** Reads the URL that a client or a redirect names, or says why it is not fetched. */
export function checkRemoteUrl(text: string, rules: HostRules): Outcome<{ url: URL }> {
  const url = URL.parse(text);
  if (url === null || text.length > MAX_LENGTH) {
    return { ok: false, code: "fetch_url_invalid" };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return { ok: false, code: "fetch_url_invalid", detail: `'${url.protocol}'` };
  }
  if (url.username !== "" || url.password !== "") {
    return { ok: false, code: "fetch_url_invalid", detail: "it holds a name or a password" };
  }
  const code = refuseHost(url.hostname, rules);
  if (code !== null) {
    return { ok: false, code, detail: `'${url.hostname}'` };
  }
  url.hash = "";
  return { ok: true, url };
}

function refuseHost(hostname: string, { allowPrivate, hosts }: HostRules): ErrorCode | null {
  if (!allowPrivate && isPrivateHost(hostname)) {
    return "fetch_url_forbidden";
  }
  const isListed = hosts === null || hosts.some((rule) => isMatch(hostname, rule));
  return isListed ? null : "fetch_host_unlisted";
}

/** `hostname` as the URL parser gives it: lower case, every spelling of an address brought to one. */
function isPrivateHost(hostname: string): boolean {
  if (hostname.startsWith("[")) {
    return isPrivateV6(hostname.slice(1, -1));
  }
  const numbers = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/u.exec(hostname);
  return numbers === null ? isPrivateName(hostname) : isPrivateV4(toNumber(numbers.slice(1)));
}

/** Is a host the one that a rule names, or below its domain? */
function isMatch(hostname: string, rule: string): boolean {
  return rule.startsWith("*.") ? hostname.endsWith(rule.slice(1)) : hostname === rule;
}

/** Last labels that the root zone does not have: RFC 6761, 6762, 7686, 8375, 9476, ICANN's `internal` and its names of high
 * risk, and what routers and clusters call themselves. */
const LOCAL_DOMAINS = new Set([
  "alt",
  "arpa",
  "consul",
  "corp",
  "home",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "mail",
  "onion",
  "private",
  "svc",
  "test",
]);

function isPrivateName(hostname: string): boolean {
  const labels = hostname.split(".");
  // A name of one label is one of the local network. One that ends in a dot has an empty last label: only
  // resolvers tell it from the name without, so that lists of names miss it.
  return labels.length < 2 || labels.at(-1) === "" || LOCAL_DOMAINS.has(labels.at(-1) ?? "");
}

/** Address and length of prefix of what the internet does not route (IANA's special-purpose registries). */
const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // between carriers and their customers
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16],
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and broadcast
];

function isPrivateV4(address: number): boolean {
  return PRIVATE_V4.some(([network, prefix]) => {
    const size = 2 ** (32 - prefix);
    return Math.floor(address / size) === Math.floor(toNumber(network.split(".")) / size);
  });
}

function toNumber(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** All but global unicast, 2000::/3, and of that what is not for hosts. So every form that embeds another
 * address (mapped, translated, 6to4, Teredo) is private. */
function isPrivateV6(address: string): boolean {
  const [first = 0, second = 0] = firstGroups(address);
  switch (first) {
    case 0x2001:
      return second < 0x200 || second === 0xdb8; // protocol assignments, documentation
    case 0x2002:
      return true; // 6to4
    case 0x3fff:
      return second < 0x1000; // documentation
    default:
      return first < 0x2000 || first > 0x3fff;
  }
}

/** The first two groups of an address in the URL parser's form; `::` is zeros. */
function firstGroups(address: string): number[] {
  const [head = ""] = address.split("::");
  const groups = head.split(":").map((group) => Number.parseInt(group || "0", 16));
  return [...groups, 0, 0].slice(0, 2);
}

/** The Location of a redirect, checked like the first URL; null when the answer is none. */
export function nextHop(
  { status, headers }: Pick<Response, "status" | "headers">,
  from: URL,
  rules: HostRules,
): Outcome<{ url: URL }> | null {
  const location = headers.get("Location");
  if (location === null || ![301, 302, 303, 307, 308].includes(status)) {
    return null;
  }
  return checkRemoteUrl(URL.parse(location, from)?.href ?? location, rules);
}

/** The last segment of the URL's path, decoded where it can be, as the name of what is fetched; the host
 * where the path has none. */
export function remoteName(url: URL): string {
  const segment = url.pathname.split("/").at(-1) ?? "";
  const name = decode(segment) ?? segment;
  return name === "" ? url.hostname : name;
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
