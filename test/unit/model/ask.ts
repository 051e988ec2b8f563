// How a client of the documentation behaves: an answer that is none, or a failure of the server, is settled by
// sending the same request again.

import { calls } from "../support/calls.ts";
import { describeAnswer, send } from "./service.ts";
import type { Answer, Client, Sent } from "./service.ts";

/** More than a client has to try once the service works again. */
const TRIES = 4;

/** Requests that were sent again, and bytes that were compared. */
export const asked = { requests: 0, repeats: 0, bytesChecked: 0 };

/** Does an answer leave open what happened? */
export function isUnclear({ status }: Answer): boolean {
  return (status >= 500 && status !== 507) || status === 406 || status === 408;
}

/** Before a request is sent again: what failed for good works by then. */
export function noteRepeat(round: number, answer: Answer): void {
  asked.repeats += 1;
  calls.heal();
  if (round > TRIES) {
    throw new Error(`Goes on failing: ${describeAnswer(answer)}`);
  }
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
    noteRepeat(round, answer);
  }
}

/** The answer must have one of these statuses. */
export function expectStatus(answer: Answer, what: string, ...statuses: number[]): void {
  if (!statuses.includes(answer.status)) {
    throw new Error(`${what}: ${statuses.join(" or ")} expected, got ${describeAnswer(answer)}`);
  }
}

/** Two values must be equal. */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) {
    throw new Error(`${what}: ${other} expected, got ${one}`);
  }
}
