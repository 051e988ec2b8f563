// An expiry that fails half-way, and a seal that never ends. What else fails is in test/unit/faults.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import type { AppendTerms, ArtifactIntent } from "../../../src/protocol/uploads.ts";
import { append } from "../../../src/uploads/append.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { expire } from "../../../src/uploads/expire.ts";
import { giveUpHopeless } from "../../../src/uploads/give-up.ts";
import type { UploadState } from "../../../src/uploads/state.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyContext } from "../support/faults.ts";

// As small as R2 allows.
const PART = 5 * 1024 * 1024;
Object.assign(LIMITS, { partSize: PART });
const TERMS: AppendTerms = { offset: null, length: null };

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

describe("a seal that cannot be finished", () => {
  /** The phase of an upload, whose sealing began so many milliseconds ago, after it was looked at. */
  async function phaseAfter(
    age: number,
    prepare: (context: UploadContext) => Promise<void>,
    kind: { explode?: true } = {},
  ) {
    const uuid = newUuid();
    const intent = {
      workspaceId: workspace.id,
      type: "image",
      name: uuid,
      sourceUrl: `sf://upload/owner/${uuid}`,
      shared: false,
      actor: "owner/ci",
      gift: false,
      ...kind,
    };
    return runInDurableObject(env.UPLOADS.getByName(uuid), async (_object, { storage }) => {
      const context = faultyContext(storage, new Faults(Infinity, "before"));
      context.ledger.open(uuid, workspace.id, Date.now());
      context.ledger.beginSeal(intent, Date.now() - age);
      await prepare(context);
      await giveUpHopeless(context);
      return context.ledger.state?.phase;
    });
  }

  const nothing = () => Promise.resolve();
  const publish = async ({ ledger, desk }: UploadContext) => {
    const { uuid, intent } = ledger.state as UploadState & { phase: "sealing" };
    const blob = { size: 0, ...ledger.checksums().digests() };
    valueOf(await desk.publish({ uuid, intent, blob, extents: [], isFetch: false }));
  };

  it("is an open upload again after days, which the sweep ends", async () => {
    expect(await phaseAfter(LIMITS.sealPatience - 60_000, nothing)).toBe("sealing");
    expect(await phaseAfter(LIMITS.sealPatience, nothing)).toBe("open");
  });

  it("is never given up when the catalog has it, or may have forgotten it", async () => {
    expect(await phaseAfter(LIMITS.sealPatience, publish)).toBe("sealing");
    expect(await phaseAfter(LIMITS.conversionMemory, nothing)).toBe("sealing");
  });

  it("is the same of an archive that cannot be read, unless the catalog may name its bytes", async () => {
    const late = LIMITS.sealPatience;
    let artifact = "";
    const begin = async ({ ledger, desk }: UploadContext) => {
      const { uuid, intent } = ledger.state as UploadState & { intent: ArtifactIntent };
      artifact = valueOf(
        await desk.beginExplode(uuid, intent, { ...intent, sha512: "" }),
      ).artifactUuid;
      ledger.explosion.begin(artifact as Uuid, null);
    };
    expect(await phaseAfter(late, begin, { explode: true })).toBe("open");
    const row = env.DB.prepare("SELECT state, error_message FROM artifacts WHERE uuid = ?1");
    expect(await row.bind(artifact).first()).toMatchObject({ state: "error" });
    const publishing = async (context: UploadContext) => {
      await begin(context);
      context.ledger.explosion.publish();
    };
    expect(await phaseAfter(late, publishing, { explode: true })).toBe("sealing");
  });
});
