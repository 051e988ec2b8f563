// What the service tells of itself: the log (docs/conformance.md, Operation).

import { afterAll, beforeAll, describe, expect, it } from "vitest";

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

describe("the log of requests", () => {
  it("is one line of JSON with route, identity, bytes and time, and nothing of the path, query or headers", async () => {
    const body = JSON.stringify({ value: "hush" });
    const made = await service.upload("secret name", Buffer.from("bytes"), ci);
    const path = `/artifacts/${made.uuid}/metadata/hidden?token=hidden`;
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
