// Numbers whose sums are no numbers any more: what a tenant declares must not break what `system` asks for (SECURITY.md, T23).

import { describe, expect, it } from "vitest";

import { makeTenant, service, system } from "./support/target.ts";

const TiB = 1024 ** 4;

/** Sizes that are each allowed, or hardly, and together more than 2^53. */
const SIZES = [5 * TiB, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e300];
const FILES = 2_000;

describe("declared sizes", () => {
  it.each(SIZES)(
    "of %s bytes, two thousand times, are refused and leave all sums right",
    async (size) => {
      const { name, bearer } = await makeTenant();
      const files = Object.fromEntries(
        Array.from({ length: FILES }, (_, at) => {
          const sha256 = at.toString(16).padStart(64, "0");
          return [`f${at}`, { type: "file", size, checksums: { sha256 } }];
        }),
      );
      const body = { category: "a:b", workspace: name, data: {}, files };
      const declared = await service.send("POST", "/api/1.0/artifact/", body, bearer);
      await declared.arrayBuffer();
      expect([400, 507]).toContain(declared.status); // no number, or no room
      const { used_bytes: used } = await service.json<{ used_bytes: number }>(
        "GET",
        `/auth/namespaces/${name}`,
        undefined,
        bearer,
      );
      expect(used).toBe(0);
      expect((await service.fetch("/metrics", { bearer: system })).status).toBe(200);
      expect((await service.send("POST", "/fsck", {}, system)).status).toBe(200);
    },
  );
});
