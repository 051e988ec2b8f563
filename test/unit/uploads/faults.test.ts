// An expiry that fails half-way. What else fails is in test/unit/faults.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import type { AppendTerms } from "../../../src/protocol/uploads.ts";
import { append } from "../../../src/uploads/append.ts";
import { expire } from "../../../src/uploads/expire.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyContext } from "../support/faults.ts";

// As small as R2 allows.
const PART = 5 * 1024 * 1024;
Object.assign(LIMITS, { partSize: PART });
const TERMS: AppendTerms = { offset: null, length: null, digest: null };

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
});

describe("an expiry that R2 breaks off", () => {
  it("has ended the upload: nothing is appended to what is half removed", async () => {
    const uuid = newUuid();
    await runInDurableObject(env.UPLOADS.getByName(uuid), async (_object, { storage }) => {
      const healthy = faultyContext(storage, new Faults(Infinity, "before"));
      healthy.ledger.open(uuid, workspace.id, Date.now());
      const body = () => new Blob([bytes(PART + 1, 99)]).stream();
      expect(await append(healthy, body(), TERMS)).toMatchObject({ ok: true });

      const broken = faultyContext(storage, new Faults(1, "before"));
      await expect(expire(broken, Date.now() + 1)).rejects.toThrow("Cannot");

      const later = faultyContext(storage, new Faults(Infinity, "before"));
      expect(await append(later, body(), TERMS)).toMatchObject({ code: "upload_not_found" });
      expect(await storage.getAlarm()).not.toBeNull();
      expect(await expire(later, 0)).toEqual({ kind: "expired" });
      expect(later.ledger.state).toBeNull();
    });
    expect((await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects).toEqual([]);
  });
});
