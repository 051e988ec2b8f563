import { plainJson } from "./plain-json.ts";

/** What the log tells of a request: never its path, query, headers or body, where secrets stand. What is null is left out. */
export interface RequestFacts {
  status: number;
  method: string;
  /** The pattern that matched, such as `/upload/:uuid`. */
  route: string | null;
  /** `actorOf()` of who asked; null where that was not found out. */
  who: string | null;
  ms: number;
  /** Bytes by Content-Length. */
  in: number | null;
  out: number | null;
  /** The code of the refusal. */
  error: string | null;
  /** The client's network. */
  from: string;
  id: string;
}

/** A request as one line of JSON. No name in it can begin a line of its own, or turn the line around. */
export function requestLine(at: number, facts: RequestFacts): string {
  const line: Record<string, unknown> = { event: "request", at: new Date(at).toISOString() };
  for (const [name, value] of Object.entries(facts)) {
    if (value !== null) {
      line[name] = value;
    }
  }
  return plainJson(line);
}
