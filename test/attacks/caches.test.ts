// Caches: what they may keep, for how long and for whom, over all that can be asked for (SECURITY.md, T20).

import { describe, expect, it } from "vitest";

import { OPERATIONS, addressOf, makeThings } from "./support/operations.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";

const DAY_SECONDS = 86_400;
/** Other forms of what is below /a/. */
const FORMS = [
  "",
  "?version=1",
  "?version=1&checksums=sha256",
  "?checksums=sha512",
  "?archive=tar",
  "?archive=zip&version=1",
  "?view",
];

const READS = OPERATIONS.filter(({ method }) => method === "GET");

interface Answer {
  asked: string;
  status: number;
  cacheControl: string;
  type: string;
}

/** Asks for everything, with and without credentials, also for an artifact that is not complete. */
async function askAll(tenant: Tenant): Promise<Answer[]> {
  const things = await makeThings(tenant);
  const file = (hash: string) => ({
    type: "file",
    size: 1,
    checksums: { sha256: hash.repeat(64) },
  });
  const body = {
    category: "a:b",
    workspace: tenant.name,
    data: {},
    files: { thing: file("0"), other: file("1") },
  };
  const declared = await service.send("POST", "/api/1.0/artifact/", body, tenant.bearer);
  const incomplete = (await declared.json()) as { id: number };
  const addresses = [things.artifactId, String(incomplete.id)].flatMap((artifactId) =>
    READS.flatMap((operation) => {
      const address = addressOf(operation, tenant, { ...things, artifactId });
      return address.startsWith("/a/") ? FORMS.map((form) => address + form) : [address];
    }),
  );
  const answers: Answer[] = [];
  for (const address of addresses) {
    answers.push(await ask(address, {}));
    answers.push(await ask(address, { Authorization: `Bearer ${tenant.bearer}` }));
  }
  return answers;
}

async function ask(address: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(service.origin + address, { headers, redirect: "manual" });
  await response.arrayBuffer();
  return {
    asked: `${address} ${Object.keys(headers).join("")}`,
    status: response.status,
    cacheControl: response.headers.get("Cache-Control") ?? "",
    type: response.headers.get("Content-Type") ?? "",
  };
}

function ageOf(cacheControl: string): number {
  return Math.max(
    ...[...cacheControl.matchAll(/(?:max-age|s-maxage)=(\d+)/gu)].map(([, age]) => Number(age)),
    0,
  );
}

describe("what caches may keep", () => {
  it("changes, expires or is taken down: nothing is immutable, nor kept by others for more than a day", async () => {
    const answers = await askAll(await makeTenant({ public: true }));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(50);
    expect(answers.filter(({ cacheControl }) => cacheControl.includes("immutable"))).toEqual([]);
    expect(answers.filter(({ cacheControl }) => ageOf(cacheControl) > DAY_SECONDS)).toEqual([]);
    // What is sent by somebody's credentials is that body's.
    expect(
      answers.filter(({ status, cacheControl }) => status >= 400 && ageOf(cacheControl) > 0),
    ).toEqual([]);
  });

  it("is nothing of a private workspace, and its pages and JSON are stored nowhere", async () => {
    const tenant = await makeTenant();
    const answers = (await askAll(tenant)).filter(
      ({ asked, status }) =>
        status === 200 && /^\/(?:a|w|artifacts|blobs|upload|auth)\//u.test(asked),
    );
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.filter(({ cacheControl }) => !/private|no-store/u.test(cacheControl))).toEqual(
      [],
    );
    expect(answers.filter(({ cacheControl }) => ageOf(cacheControl) > 0)).toEqual([]);
    const documents = answers.filter(({ type }) => /^(?:text\/html|application\/json)/u.test(type));
    expect(documents.filter(({ cacheControl }) => !cacheControl.includes("no-store"))).toEqual([]);
  });
});
