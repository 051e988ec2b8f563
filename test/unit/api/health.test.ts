import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { app } from "../../../src/app.ts";
import { applySchema } from "../support/catalog.ts";

beforeAll(applySchema);

describe("GET /healthz", () => {
  const fails = { head: () => Promise.reject(new Error("R2 is away")) };
  const hangs = { head: () => new Promise(() => {}) };

  it("is 200 while R2 answers", async () => {
    expect((await app.request("/healthz", {}, env)).status).toBe(200);
  });

  it("is 503 when R2 fails", async () => {
    const response = await app.request("/healthz", {}, { ...env, BUCKET: fails });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "2"]);
    expect(await response.text()).not.toContain("R2");
  });

  it("is 503 when R2 does not answer in time", async () => {
    const wait = vi.spyOn(scheduler, "wait").mockResolvedValue();
    const response = await app.request("/healthz", {}, { ...env, BUCKET: hangs });
    wait.mockRestore();
    expect(response.status).toBe(503);
  });
});
