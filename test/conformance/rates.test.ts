// How many calls of D1 one caller may cause: the rate limits of wrangler.toml, lowered so that a test reaches them.
// SECURITY.md: T17; ASVS 2.4.1.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf } from "../support/answers.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

/** Callers and strangers in steps of 60 calls. */
const LOW = { RATE_CALLERS: 2, RATE_STRANGERS: 2, RATE_LOGINS: 2, RATE_REFUSALS: 2 };
const NO_SHA512 = "0".repeat(128);
const REFUSAL = [429, "too many requests"];

let folder: string;
let service: RunningService;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stowage-rates-"));
  const configPath = join(folder, "wrangler.toml");
  writeFileSync(configPath, lowered(readFileSync("wrangler.toml", "utf8")));
  service = await startService({}, configPath);
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function lowered(config: string): string {
  let text = config
    .replace('"src/worker.ts"', JSON.stringify(resolve("src/worker.ts")))
    .replace('"./public"', JSON.stringify(resolve("public")));
  for (const [name, limit] of Object.entries(LOW)) {
    text = text.replace(
      new RegExp(`(name = "${name}"[^]*?limit = )\\d+`, "u"),
      (_, before: string) => before + limit,
    );
  }
  return text;
}

/** The answers to requests, a few at a time; a minute may begin among them, which starts the count anew. */
async function answersTo(count: number, ask: () => Promise<Response>): Promise<Response[]> {
  const answers: Response[] = [];
  while (answers.length < count) {
    const asked = Array.from({ length: Math.min(10, count - answers.length) }, ask);
    answers.push(...(await Promise.all(asked)));
  }
  return answers;
}

/** The first that was refused, which must say when to come again. */
async function expectRefusal(answers: Response[]): Promise<void> {
  const refused = answers.find(({ status }) => status === 429) ?? new Response();
  expect(refused.headers.get("Retry-After")).toBe("10");
  expect(await refusalOf(refused)).toEqual(REFUSAL);
}

const from = (network: string) => ({ "CF-Connecting-IP": network });

describe("too many requests", () => {
  /** Something that nobody asked for before: each is a call of D1. */
  let thing = 0;
  const look = ({ headers, ...rest }: { headers: Record<string, string>; bearer?: string }) =>
    service.fetch(`/a/${(thing += 1)}/file`, {
      ...rest,
      headers: { ...headers, Accept: "application/json" },
    });

  it("of a network without credentials are 429 with Retry-After; those of another network are not", async () => {
    await expectRefusal(await answersTo(400, () => look({ headers: from("192.0.2.1") })));
    const other = await look({ headers: from("192.0.2.2") });
    expect(other.status).toBe(404);
  });

  it("of an IPv6 network count together", async () => {
    let host = 0;
    const ask = () => look({ headers: from(`2001:db8::${(host += 1)}`) });
    await expectRefusal(await answersTo(400, ask));
  });

  it("with bad credentials count as without", async () => {
    const ask = () => look({ headers: { ...from("192.0.2.3"), Token: "bad" } });
    await expectRefusal(await answersTo(400, ask));
  });

  it("to guess a token are fewer: each counts for some calls more", async () => {
    const guess = () => ({ ...from("192.0.2.4"), Token: `guess ${(thing += 1)}` });
    const answers = await answersTo(120, () => service.fetch("/artifacts", { headers: guess() }));
    await expectRefusal(answers);
  });

  it("of the same thing are answered from memory: they are no calls of D1", async () => {
    const ask = () => service.fetch("/a/7/same", { headers: from("192.0.2.5") });
    const statuses = (await answersTo(400, ask)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([404]));
  });

  it("with good credentials are no matter of the network, whoever else is there", async () => {
    const ci = await service.makeWorkspace("runner");
    await expectRefusal(await answersTo(400, () => look({ headers: from("192.0.2.6") })));
    const guess = () => ({ ...from("192.0.2.6"), Token: `guess ${(thing += 1)}` });
    await answersTo(60, () => service.fetch("/artifacts", { headers: guess() }));
    const answers = await answersTo(20, () => look({ headers: from("192.0.2.6"), bearer: ci }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
  });

  it.each(["/auth", "/login"])("to %s are 429, right or wrong", async (path) => {
    const headers = { ...from(`198.51.100.${path.length}`), "Sec-Fetch-Site": "same-origin" };
    const ask = () => service.fetch(path, { method: "POST", headers, body: "{}" });
    const passed = (await answersTo(8, ask)).filter(({ status }) => status !== 429);
    // All 8 would without a limit of their own.
    expect(passed.length).toBeLessThanOrEqual(2 * LOW.RATE_LOGINS);
  });

  it("of one key are 429, counted in steps, and go into the audit so many times a minute", async () => {
    const [ci, other] = [await service.makeWorkspace("ci"), await service.makeWorkspace("other")];
    // Two steps of 60 calls are free; a minute may begin in between.
    const ask = () => service.fetch(`/blob_checksums/sha512/${NO_SHA512}`, { bearer: ci });
    const answers = await answersTo(400, ask);
    expect(answers.slice(0, 120).map(({ status }) => status)).not.toContain(429);
    await expectRefusal(answers);
    expect((await service.send("POST", "/upload", undefined, other)).status).toBe(200);
    const noted = async () => {
      const { results } = await service.env.DB.prepare(
        "SELECT actor, detail ->> 'error' AS error FROM audit WHERE action = 'refused'",
      ).all();
      return results;
    };
    await expect.poll(noted).toContainEqual({ actor: "ci/ci", error: "too_many_requests" });
    expect((await noted()).length).toBeLessThanOrEqual(2 * LOW.RATE_REFUSALS);
  });

  it("with a wrong key go into the audit so many times a minute", async () => {
    const wrong = { namespace: "system", key: "wrong" };
    const answers = await answersTo(8, () => service.send("POST", "/auth", wrong));
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    const { results } = await service.env.DB.prepare(
      "SELECT actor FROM audit WHERE action = 'token refused'",
    ).all();
    expect(results.length).toBeGreaterThan(0);
    expect(results.length).toBeLessThanOrEqual(2 * LOW.RATE_REFUSALS);
  });

  it("of this machine are not counted without credentials", async () => {
    const answers = await answersTo(20, () => service.fetch("/"));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});
