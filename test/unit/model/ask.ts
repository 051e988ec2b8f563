// How a client of the documentation behaves: an answer that is none, or a failure of the server, is settled by
// sending the same request again.

import { expect } from "vitest";

import { describeAnswer, send } from "./service.ts";
import type { Answer, Client, Sent } from "./service.ts";

/** More than any fault can last. */
export const TRIES = 12;

/** Requests that were sent again, and bytes that were compared. */
export const asked = { requests: 0, repeats: 0, bytesChecked: 0 };

/** Does an answer leave open what happened? */
export function isUnclear({ status }: Answer): boolean {
  return (status >= 500 && status !== 507) || status === 406 || status === 408;
}

/** One request, whatever the answer. */
export function ask(client: Client, path: string, sent?: Sent): Promise<Answer> {
  asked.requests += 1;
  return send(client, path, sent);
}

/** A request that may be repeated, until its answer is clear; `wasRepeated` when it took more than one. */
export async function settle(
  client: Client,
  path: string,
  sent?: Sent,
): Promise<Answer & { wasRepeated: boolean }> {
  for (let round = 1; ; round += 1) {
    const answer = await ask(client, path, sent);
    if (!isUnclear(answer)) {
      return { ...answer, wasRepeated: round > 1 };
    }
    asked.repeats += 1;
    expect(round, `${path} goes on failing: ${describeAnswer(answer)}`).toBeLessThan(TRIES);
  }
}

/** The answer must have one of these statuses. */
export function expectStatus(answer: Answer, what: string, ...statuses: number[]): void {
  if (!statuses.includes(answer.status)) {
    throw new Error(`${what}: ${statuses.join(" or ")} expected, got ${describeAnswer(answer)}`);
  }
}
