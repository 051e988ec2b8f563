// SECURITY.md: ASVS 3.4.1, 3.4.2.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";

import { app } from "../../src/app.ts";

describe("every answer", () => {
  it.each(["/", "/nowhere", "/openapi.json", "/artifacts"])(
    "tells browsers to stay with https, where it comes over that: %s",
    async (path) => {
      const header = async (origin: string) => {
        const reply = await app.request(origin + path, {}, env);
        return reply.headers.get("Strict-Transport-Security");
      };
      expect(await header("https://s.example")).toBe("max-age=31536000; includeSubDomains");
      expect(await header("http://127.0.0.1")).toBeNull();
    },
  );

  it("lets no page of another site read it", async () => {
    for (const path of ["/", "/artifacts", "/openapi.json"]) {
      const init = { headers: { Origin: "https://evil.example" } };
      const { headers } = await app.request(`https://s.example${path}`, init, env);
      const names = [...headers.keys()].filter((name) => name.startsWith("access-control-"));
      expect([path, names]).toEqual([path, []]);
    }
  });
});
