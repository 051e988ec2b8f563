// What the service tells of itself: the log, its health, its metrics, the audit (docs/conformance.md, Operation).
// SECURITY.md: ASVS 16.4.1, 16.4.2.

import { createHash } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf } from "../support/answers.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

let service: RunningService;
let system: string;
let ci: string;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  ci = await service.makeWorkspace("ci");
});

afterAll(() => service[Symbol.asyncDispose]());

interface Line {
  event: string;
  at: string;
  status: number;
  method: string;
  route?: string;
  who?: string;
  ms: number;
  in?: number;
  out?: number;
  error?: string;
  from: string;
  id: string;
}

/** The lines of a request, by the id in its answer. */
async function linesOf(response: Response): Promise<Line[]> {
  await response.arrayBuffer();
  const id = response.headers.get("X-Request-Id") ?? "none";
  const find = () => service.log().filter((message) => message.includes(id));
  await expect.poll(find).not.toEqual([]);
  return find().map((message) => JSON.parse(message) as Line);
}

describe("the log of requests (T12, T29)", () => {
  it("is one line of JSON with route, identity, bytes and time, and nothing of the path, query or headers", async () => {
    const body = JSON.stringify({ value: "hush" });
    const made = await service.upload("secret name", Buffer.from("bytes"), ci);
    const path = `/artifacts/${made.uuid}/metadata/hidden`;
    const lines = await linesOf(await service.fetch(path, { method: "PUT", bearer: ci, body }));
    expect(lines).toEqual([
      {
        event: "request",
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u),
        status: 200,
        method: "PUT",
        route: "/artifacts/:ref/metadata/:key",
        who: "ci/ci",
        ms: expect.any(Number),
        in: body.length,
        from: "127.0.0.1",
        id: expect.any(String),
      },
    ]);
  });

  it("has nothing of a query, refused or not", async () => {
    for (const path of ["/artifacts?hush=hush", "/a/1/?hush=hush", "/audit?action=hush"]) {
      const [line] = await linesOf(await service.fetch(path, { bearer: ci }));
      expect(JSON.stringify(line)).not.toContain("hush");
    }
  });

  it("counts the bytes of a download by its length", async () => {
    const { blob_uuid: blob } = await service.upload("sized", Buffer.from("12345"), ci);
    const [line] = await linesOf(await service.fetch(`/blobs/${blob}/data`, { bearer: ci }));
    expect(line).toMatchObject({ route: "/blobs/:uuid/data", status: 200, out: 5 });
  });

  it.each([
    ["GET", "/no/such/endpoint", 404, undefined, "route_not_found"],
    ["PUT", "/upload", 405, undefined, "method_not_allowed"],
    ["GET", "/artifacts", 401, "/artifacts", "token_missing"],
    ["GET", "/a/999999/", 404, "/a/:id/*", "artifact_not_found"],
    ["GET", "/api/1.0/artifact/999999/", 404, "/api/1.0/artifact/:id/", "artifact_not_found"],
  ])("names the refusal of %s %s", async (method, path, status, route, error) => {
    const [line] = await linesOf(await service.fetch(path, { method }));
    expect(line).toMatchObject({ method, status, who: "nobody", error });
    expect(line?.route).toBe(route);
  });

  it("has a line for a request that fails, beside the one of the error", async () => {
    await service.env.DB.exec("ALTER TABLE tokens RENAME TO away");
    const response = await service.fetch("/artifacts", { headers: { Token: "hush" } });
    await service.env.DB.exec("ALTER TABLE away RENAME TO tokens");
    expect(response.status).toBe(500);
    const id = response.headers.get("X-Request-Id") ?? "none";
    await expect
      .poll(() =>
        service
          .log()
          .filter((line) => line.includes(id))
          .join("\n"),
      )
      .toMatch(/Request \S+ failed[^]*"status":500|"status":500[^]*Request \S+ failed/u);
  });

  it("tells workspaces, users and workers apart", async () => {
    const person = { name: "ann", password: "correct horse" };
    await service.json("POST", "/auth/users", person, system);
    for (const [wanted, who] of [
      [{ kind: "user", user: "ann" }, /^user ann$/u],
      [{ kind: "worker" }, /^worker \d+$/u],
    ] as const) {
      const { token } = await service.json<{ token: string }>(
        "POST",
        "/auth/tokens",
        wanted,
        system,
      );
      const [line] = await linesOf(
        await service.fetch("/artifacts", { headers: { Token: token } }),
      );
      expect(line?.who).toMatch(who);
    }
  });
});

describe("the id of a request", () => {
  it.each([
    ["JSON", "/artifacts", {}],
    ["text", "/a/999999/", { Accept: "text/plain" }],
    ["a page", "/a/999999/", { Accept: "text/html" }],
    ["a problem", "/api/1.0/artifact/999999/", {}],
  ])("is in a refusal as %s", async (_, path, headers) => {
    const response = await service.fetch(path, { headers });
    const id = response.headers.get("X-Request-Id") ?? "none";
    expect(await response.text()).toContain(id);
  });
});

describe("GET /healthz", () => {
  it("answers anyone with 200, HEAD too, and tells no more than that", async () => {
    const response = await service.fetch("/healthz");
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: "ok", catalog_full: false },
    ]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const head = await service.fetch("/healthz", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("answers 503 without the catalog, and why in the log only", async () => {
    await service.env.DB.exec("ALTER TABLE workspaces RENAME TO away");
    const response = await service.fetch("/healthz");
    await service.env.DB.exec("ALTER TABLE away RENAME TO workspaces");
    const { request_id: id, ...said } = (await response.json()) as Record<string, unknown>;
    expect([response.status, said]).toEqual([
      503,
      {
        error: "storage did not answer",
        status: 503,
        help: "Send the same request again in a few seconds; this one may have been done or not",
      },
    ]);
    await expect
      .poll(() => service.log().find((line) => line.includes(`${String(id)} found`)))
      .toContain("no such table: workspaces");
  });
});

describe("GET /metrics", () => {
  /** The samples by name and labels. */
  async function scrape(): Promise<Record<string, number>> {
    const response = await service.fetch("/metrics", { bearer: system });
    expect(response.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n").filter((line) => !/^(?:#|$)/u.test(line));
    return Object.fromEntries(
      lines.map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  it("counts what there is, and what was ever made", async () => {
    const before = await scrape();
    await service.openUpload(ci);
    const { uuid } = await service.upload("counted", Buffer.from("counted bytes"), ci);
    await service.json("DELETE", `/artifacts/${uuid}`, undefined, ci);
    const after = await scrape();
    const grown = Object.entries(after).filter(([name, value]) => value !== before[name]);
    expect(
      Object.fromEntries(grown.map(([name, value]) => [name, value - (before[name] ?? 0)])),
    ).toEqual({
      'stowage_artifacts{state="deleted"}': 1,
      'stowage_versions{state="deleted"}': 1,
      stowage_contents: 1,
      stowage_uploads: 1,
      stowage_artifacts_made_total: 1,
    });
    expect(after['stowage_workspace_used_bytes{workspace="ci"}']).toBe(after["stowage_used_bytes"]);
  });

  it("tells of the last sweep", async () => {
    expect(await scrape()).not.toHaveProperty("stowage_sweeps_total");
    const began = Date.now() / 1000;
    await service.worker.scheduled({ cron: "*/10 * * * *" });
    const after = await scrape();
    expect(after).toMatchObject({ stowage_sweeps_total: 1, stowage_sweep_failures_total: 0 });
    expect(after["stowage_sweep_began_timestamp_seconds"]).toBeGreaterThanOrEqual(began);
    expect(after["stowage_sweep_ended_timestamp_seconds"]).toBeGreaterThanOrEqual(began);
  });

  it("counts what a sweep cannot do", async () => {
    await service.env.DB.exec("ALTER TABLE garbage RENAME TO away");
    await service.worker.scheduled({ cron: "*/10 * * * *" });
    await service.env.DB.exec("ALTER TABLE away RENAME TO garbage");
    const { stowage_sweep_last_failures: failures = 0 } = await scrape();
    expect(failures).toBeGreaterThan(0);
    await service.worker.scheduled({ cron: "*/10 * * * *" });
    expect(await scrape()).toMatchObject({
      stowage_sweep_last_failures: 0,
      stowage_sweep_failures_total: failures,
      stowage_sweeps_total: 3,
    });
  });

  it("counts uploads that no sweep ended", async () => {
    await service.env.DB.exec("UPDATE uploads SET last_append_at = 1");
    expect((await scrape())["stowage_uploads_overdue"]).toBe(1);
  });
});

interface AuditRow {
  at: string;
  actor: string;
  action: string;
  workspace: string | null;
  subject: string | null;
  detail: Record<string, unknown>;
  network: string | null;
  request_id: string | null;
}

interface AuditPage {
  rows: AuditRow[];
  next: string | null;
}

/** The audit as a key sees it, newest first. */
function audit(query: Record<string, string>, bearer = system): Promise<AuditPage> {
  const path = `/audit?${new URLSearchParams(query).toString()}`;
  return service.json("GET", path, undefined, bearer);
}

/** The rows of a request. */
async function rowsOf(response: Response): Promise<AuditRow[]> {
  await response.arrayBuffer();
  const id = response.headers.get("X-Request-Id");
  const { rows } = await audit({});
  return rows.filter((row) => row.request_id === id).toReversed();
}

/** A request that must succeed, and the rows it left: action, workspace, subject. */
async function rowsBy(
  method: string,
  path: string,
  body: unknown,
  bearer = system,
): Promise<[string, string | null, string | null][]> {
  const response = await service.send(method, path, body, bearer);
  expect([path, response.status]).toEqual([path, 200]);
  const rows = await rowsOf(response);
  return rows.map(({ action, workspace, subject }) => [action, workspace, subject]);
}

describe("the audit (T29)", () => {
  it("says who, what, when, where and from where, and names the request", async () => {
    const began = new Date().toISOString();
    const made = await service.upload("audited", Buffer.from("audited"), ci);
    const response = await service.send("DELETE", `/artifacts/${made.uuid}`, undefined, ci);
    expect(await rowsOf(response)).toEqual([
      {
        at: expect.any(String),
        actor: "ci/ci",
        action: "artifact deleted",
        workspace: "ci",
        subject: made.uuid,
        detail: { type: "image", name: "audited" },
        network: "127.0.0.1",
        request_id: response.headers.get("X-Request-Id"),
      },
    ]);
    const { rows } = await audit({ from: began });
    expect(rows.map(({ action }) => action)).toEqual([
      "artifact deleted",
      "version added",
      "artifact created",
    ]);
    expect(rows.every(({ at }) => at >= began && at <= new Date().toISOString())).toBe(true);
  });

  it("has a row for each change of an artifact", async () => {
    const { uuid, blob_uuid: blob } = await service.upload("steps", Buffer.from("one"), system);
    const path = `/artifacts/${uuid}`;
    const actions = [];
    for (const [method, at, body] of [
      ["POST", `${path}/share`, undefined],
      ["POST", `${path}/unshare`, undefined],
      ["PUT", `${path}/metadata/k`, { value: "v" }],
      ["DELETE", `${path}/metadata/k`, undefined],
      ["POST", `${path}/versions`, { max_versions: 5 }],
      ["POST", "/label/steps", { blob_uuid: blob }],
      ["DELETE", "/label/steps", undefined],
      ["DELETE", `${path}/versions/1`, undefined],
    ] as const) {
      actions.push((await rowsBy(method, at, body)).map(([action]) => action));
    }
    expect(actions).toEqual([
      ["artifact shared"],
      ["artifact unshared"],
      ["metadata set"],
      ["metadata deleted"],
      ["maximum of versions set"],
      ["artifact created", "label moved"],
      ["artifact deleted"],
      ["version deleted"],
    ]);
  });

  it("has a row for each change of a workspace, and none where nothing changed", async () => {
    const all = "/auth/namespaces";
    const made = { namespace: "kept", key_name: "first", key: "hush hush" };
    expect(await rowsBy("POST", all, made)).toEqual([
      ["workspace made", "kept", null],
      ["key set", "kept", "first"],
    ]);
    const kept = `${all}/kept`;
    expect(await rowsBy("POST", `${kept}/keys`, { key_name: "second" })).toEqual([
      ["key set", "kept", "second"],
    ]);
    expect(await rowsBy("DELETE", `${kept}/keys/second`, undefined)).toEqual([
      ["key deleted", "kept", "second"],
    ]);
    const trust = { external_namespace: "ci" };
    expect(await rowsBy("POST", `${kept}/trust`, trust)).toEqual([["trust given", "kept", "ci"]]);
    expect(await rowsBy("POST", `${kept}/trust`, trust)).toEqual([]);
    expect(await rowsBy("DELETE", `${kept}/trust/ci`, undefined)).toEqual([
      ["trust ended", "kept", "ci"],
    ]);
    const change = { public: true, default_expiration_days: 7 };
    const changed = await service.send("PATCH", kept, change, system);
    expect(await rowsOf(changed)).toMatchObject([
      { action: "workspace changed", detail: { public: true, defaultExpirationDays: 7 } },
    ]);
    expect(await rowsBy("DELETE", kept, undefined)).toEqual([["workspace deleted", "kept", null]]);
  });

  it("has a row for each change of users, members and tokens", async () => {
    const person = { name: "bea", password: "correct horse" };
    expect(await rowsBy("POST", "/auth/users", person)).toEqual([["user made", null, "bea"]]);
    expect(await rowsBy("PATCH", "/auth/users/bea", { password: person.password })).toEqual([
      ["password set", null, "bea"],
    ]);
    const member = "/auth/namespaces/ci/members/bea";
    expect(await rowsBy("PUT", member, { role: "owner" })).toEqual([["member set", "ci", "bea"]]);
    expect(await rowsBy("DELETE", member, undefined)).toEqual([["member deleted", "ci", "bea"]]);
    const token = { kind: "user", user: "bea", label: "ci" };
    expect(await rowsBy("POST", "/auth/tokens", token)).toEqual([["token made", null, "user bea"]]);
    const tokens = await service.json<{ id: number }[]>("GET", "/auth/tokens", undefined, system);
    const path = `/auth/tokens/${tokens.at(-1)?.id}`;
    expect(await rowsBy("PATCH", path, { enabled: false })).toEqual([
      ["token disabled", null, "user bea"],
    ]);
    expect(await rowsBy("DELETE", path, undefined)).toEqual([["token deleted", null, "user bea"]]);
    expect(await rowsBy("DELETE", "/auth/users/bea", undefined)).toEqual([
      ["user deleted", null, "bea"],
    ]);
  });

  it("has a row for each login of a key, and for a wrong key", async () => {
    const wrong = { namespace: "ci", key: "wrong" };
    expect(await rowsOf(await service.send("POST", "/auth", wrong))).toMatchObject([
      { actor: "nobody", action: "token refused", workspace: "ci", network: "127.0.0.1" },
    ]);
    expect(await rowsBy("POST", "/auth", { namespace: "ci", key: "key of ci" })).toEqual([
      ["token given", "ci", null],
    ]);
  });

  it("has a row for each login and logout of a person, and for a wrong password; it keeps no name that nobody has", async () => {
    const person = { name: "eve", password: "correct horse" };
    await service.json("POST", "/auth/users", person, system);
    const headers = {
      "Content-Type": "application/x-www-form-urlencoded",
      "Sec-Fetch-Site": "same-origin",
      "CF-Connecting-IP": "2001:db8::7",
    };
    const post = (path: string, form: Record<string, string>, cookie = "") =>
      service.fetch(path, {
        method: "POST",
        headers: { ...headers, Cookie: cookie },
        body: new URLSearchParams(form).toString(),
      });
    const network = "2001:db8:0:0::/64";
    for (const [form, subject] of [
      [{ name: "eve", password: "wrong" }, "user eve"],
      [{ name: "correct horse", password: "eve" }, null],
    ] as const) {
      expect(await rowsOf(await post("/login", form))).toMatchObject([
        { actor: "nobody", action: "login refused", subject, network },
      ]);
    }
    const login = await post("/login", person);
    expect(await rowsOf(login)).toMatchObject([{ actor: "user eve", action: "login", network }]);
    const [cookie = ""] = (login.headers.get("Set-Cookie") ?? "").split(";");
    expect(await rowsOf(await post("/logout", {}, cookie))).toMatchObject([
      { actor: "user eve", action: "logout" },
    ]);
    expect(await rowsOf(await post("/logout", {}, cookie))).toEqual([]);
  });

  it("has a row for a refusal to somebody, and none for strangers", async () => {
    const refused = await service.send("GET", "/metrics", undefined, ci);
    expect(refused.status).toBe(401);
    await expect
      .poll(() => rowsOf(refused.clone()))
      .toMatchObject([
        {
          actor: "ci/ci",
          action: "refused",
          workspace: "ci",
          detail: { error: "system_only", method: "GET", route: "/metrics" },
        },
      ]);
    const stranger = await service.send("GET", "/metrics", undefined, "no.good.token");
    expect([stranger.status, await rowsOf(stranger)]).toEqual([401, []]);
  });

  it("has a row when the last file of a declared artifact arrives, in the name of who declared it", async () => {
    const bytes = Buffer.from("declared");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const file = {
      type: "file",
      size: bytes.length,
      checksums: { sha256 },
      content_type: "text/plain",
    };
    const body = { category: "audited", workspace: "ci", files: { "a.txt": file }, data: {} };
    const created = await service.send("POST", "/api/1.0/artifact/", body, ci);
    expect(created.status).toBe(201);
    const { id } = (await created.clone().json()) as { id: number };
    expect(await rowsOf(created)).toMatchObject([{ action: "artifact created", actor: "ci/ci" }]);
    const put = { method: "PUT", bearer: ci, body: bytes };
    await service.fetch(`/api/1.0/artifact/${id}/files/a.txt/`, put);
    const { rows } = await audit({ action: "version sealed" });
    expect(rows).toMatchObject([
      {
        actor: "ci/ci",
        workspace: "ci",
        detail: { index: 1, name: "audited" },
        request_id: created.headers.get("X-Request-Id"),
      },
    ]);
  });

  it("is filtered by workspace, action and time, and read in pages", async () => {
    const name = "busy";
    await service.makeWorkspace(name);
    await service.env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
       INSERT INTO audit (at, request_id, actor, action, workspace, detail)
       SELECT ?1 + i / 3, i, 'busy/ci', 'metadata set', ?2, '{}' FROM n`,
    )
      .bind(Date.now(), name)
      .run();
    const first = await audit({ workspace: name, action: "metadata set" });
    expect(first.rows).toHaveLength(100);
    const second = await audit({
      workspace: name,
      action: "metadata set",
      after: first.next ?? "none",
    });
    expect([second.rows.length, second.next]).toEqual([20, null]);
    const all = [...first.rows, ...second.rows];
    expect(new Set(all.map(({ request_id: id }) => id)).size).toBe(120);
    expect(all.map(({ at }) => at)).toEqual(
      all
        .map(({ at }) => at)
        .toSorted()
        .toReversed(),
    );
    const at = all[50]?.at ?? "";
    const upTo = await audit({ workspace: name, to: at });
    expect(upTo.rows.every((row) => row.at <= at && row.workspace === name)).toBe(true);
    const since = await audit({ workspace: name, from: at });
    expect(since.rows.every((row) => row.at >= at)).toBe(true);
    expect(since.rows.length + upTo.rows.length).toBeGreaterThan(120);
  });

  it("shows another key only what concerns its workspace, not that of a namesake before", async () => {
    await service.makeWorkspace("reborn");
    await service.json("DELETE", "/auth/namespaces/reborn", undefined, system);
    const reborn = await service.makeWorkspace("reborn");
    const { rows } = await audit({}, reborn);
    expect(rows.map(({ action }) => action)).toEqual(["token given", "key set", "workspace made"]);
    const named = await audit({ workspace: "reborn" }, reborn);
    expect(named.rows).toEqual(rows);
    const foreign = await service.send("GET", "/audit?workspace=ci", undefined, reborn);
    expect(foreign.status).toBe(404);
  });

  it.each(["from=yesterday", "to=1", "after=x", "after=1-"])("refuses ?%s", async (query) => {
    const response = await service.send("GET", `/audit?${query}`, undefined, system);
    expect(await refusalOf(response)).toEqual([400, "this cannot be asked of the audit"]);
  });

  it("cannot be changed, nor deleted from before its time", async () => {
    const change = (sql: string) => service.env.DB.prepare(sql).run();
    await expect(change("UPDATE audit SET actor = 'nobody'")).rejects.toThrow("not changed");
    await expect(change("DELETE FROM audit")).rejects.toThrow("kept for 30 days");
  });

  it("goes with the sweep when it is old", async () => {
    const day = 86_400_000;
    const insert = service.env.DB.prepare(
      "INSERT INTO audit (at, actor, action, detail) VALUES (?1, 'stowage', 'aged', '{}')",
    );
    await service.env.DB.batch([401, 399].map((days) => insert.bind(Date.now() - days * day)));
    await service.worker.scheduled({ cron: "*/10 * * * *" });
    const { rows } = await audit({ action: "aged" });
    expect(rows).toHaveLength(1);
  });
});

describe("open uploads (T17)", () => {
  it("are at most 1,000 in a workspace", async () => {
    const full = await service.makeWorkspace("full");
    await service.env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
       INSERT INTO uploads (uuid, workspace_id, created_at, last_append_at)
       SELECT printf('filler %d', i), w.id, ?1, ?1 FROM workspaces w, n WHERE w.name = 'full'`,
    )
      .bind(Date.now())
      .run();
    const uuid = await service.openUpload(full);
    const refused = await service.send("POST", "/upload", undefined, full);
    expect(await refusalOf(refused)).toEqual([
      507,
      "namespace has as many open uploads as it may have",
    ]);
    // Others go on, and so does this one when an upload is converted.
    await service.openUpload(ci);
    await service.convert(uuid, "room again", full);
    await service.openUpload(full);
  });
});
