// What the audit holds: a row for every change by any operation of the API document, and of what one caller causes on a
// day so many rows (docs/storage.md, SECURITY.md T29).

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { CHANGES, CHANGING, makeActors } from "../support/changes.ts";
import type { Actors } from "../support/changes.ts";
import { makeUserToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

let service: RunningService;
let actors: Actors;

beforeAll(async () => {
  service = await startService({ FETCH_ALLOW_PRIVATE: "on" });
  actors = await makeActors(service);
});

afterAll(() => service[Symbol.asyncDispose]());

interface Row {
  action: string;
  actor: string;
  workspace: string | null;
  network: string | null;
  request_id: string | null;
  detail: Record<string, unknown>;
}

async function rows(query: string, bearer: string): Promise<Row[]> {
  const page = await service.json<{ rows: Row[] }>("GET", `/audit${query}`, undefined, bearer);
  return page.rows;
}

describe("every change (T29)", () => {
  it("has a line here", () => {
    expect(CHANGING.length).toBeGreaterThan(50);
    expect(CHANGING.filter((operation) => !(operation in CHANGES))).toEqual([]);
    expect(Object.keys(CHANGES).filter((operation) => !CHANGING.includes(operation))).toEqual([]);
  });

  it.each(Object.entries(CHANGES))("by %s is in the audit", async (operation, change) => {
    const send = await change.prepare(actors);
    const response = await send();
    const text = await response.text();
    expect([operation, response.status < 400, text]).toEqual([operation, true, text]);
    const id = response.headers.get("X-Request-Id");
    const found = (await rows("", actors.system)).filter(({ request_id: of }) => of === id);
    // A seal is told of by the request that declared what it seals.
    const actions =
      operation === "PUT /api/1.0/artifact/{id}/files/{path}"
        ? (await rows("?action=version+sealed", actors.system)).slice(0, 1).map(toAction)
        : found.toReversed().map(toAction);
    expect(actions).toEqual(typeof change.actions === "string" ? [] : change.actions);
  });
});

function toAction({ action }: Row): string {
  return action;
}

describe("GET /audit", () => {
  it("shows a tenant what system did, and not from where", async () => {
    await service.json("PATCH", "/auth/namespaces/acting", {}, actors.system);
    const seen = (bearer: string) => rows("?workspace=acting&action=workspace+changed", bearer);
    const [[own], [whole]] = [await seen(actors.acting), await seen(actors.system)];
    expect(own).toMatchObject({ actor: "system/system", network: null });
    expect(whole).toMatchObject({ actor: "system/system", network: "127.0.0.1" });
    const [given] = await rows("?action=token+given", actors.acting);
    expect(given).toMatchObject({ actor: "acting/ci", network: "127.0.0.1" });
  });

  it("lists so many rows that a caller causes on a day, by whichever key, and counts the others in one (M8)", async () => {
    const noisy = await service.makeWorkspace("noisy");
    const { token } = await makeUserToken(service, "quiet", { noisy: "contributor" });
    await service.json("PATCH", "/auth/namespaces/noisy", { quota_entries: 0 }, actors.system);
    await service.env.DB.exec(
      "UPDATE audit_days SET caused = 499, most = 500 WHERE caller = 'noisy/'",
    );
    await service.json("POST", "/auth/namespaces/noisy/keys", { key_name: "one" }, noisy);
    const second = await service.json<{ key: string }>(
      "POST",
      "/auth/namespaces/noisy/keys",
      { key_name: "other" },
      noisy,
    );
    const other = await service.login("noisy", second.key);
    await service.json("DELETE", "/auth/namespaces/noisy/keys/one", undefined, other);
    const [newest, before] = await rows("?workspace=noisy", actors.system);
    expect(before).toMatchObject({ action: "key set", actor: "noisy/ci" });
    // The second key, its login, the end of the first.
    expect(newest).toMatchObject({ action: "not listed", actor: "noisy/ci", detail: { rows: 3 } });
    expect((await rows("", noisy))[0]).toEqual(newest);
    // What others do there is listed.
    await service.fetch("/auth/tokens", {
      method: "POST",
      headers: { Token: token },
      body: '{"kind":"user"}',
    });
    expect((await rows("?action=token+made", actors.system))[0]).toMatchObject({
      actor: "user quiet",
    });
    await service.json("PATCH", "/auth/namespaces/noisy", { public: false }, actors.system);
    expect((await rows("?workspace=noisy", actors.system))[0]?.action).toBe("workspace changed");
    await expect(
      service.env.DB.exec("UPDATE audit SET detail = '{\"rows\":1}' WHERE action = 'not listed'"),
    ).rejects.toThrow(/are not changed/u);
  });
});
