// Each call to R2 and to the catalog made to fail, one after the other, before and after it took effect,
// with every later call of the same operation failing too; then a new object on the same rows, and the
// client's documented way on.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";

import type { Workspace } from "../../../src/catalog/workspaces.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import type { AppendTerms } from "../../../src/protocol/uploads.ts";
import { append } from "../../../src/uploads/append.ts";
import { expire, removeLeftovers } from "../../../src/uploads/expire.ts";
import { seal } from "../../../src/uploads/seal.ts";
import { offsetOf } from "../../../src/uploads/state.ts";
import { truncate } from "../../../src/uploads/truncate.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyContext } from "../support/faults.ts";

// As small as R2 allows: no fault depends on it, and nine of them move fewer bytes.
const PART = 5 * 1024 * 1024;
Object.assign(LIMITS, { partSize: PART });
const TERMS: AppendTerms = { offset: null, length: null, digest: null };

let workspace: Workspace;
/** Every scenario has content of its own: none is met by an earlier one's blob. */
let seed = 0;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  // A seal that cannot finish says so; here that is expected, again and again.
  vi.spyOn(console, "error").mockImplementation(() => {});
});

/** One upload with everything in it that calls out: parts, a cut inside a part, a second extent, a seal. */
async function runScenario(storage: DurableObjectStorage, faults: Faults, salt: number) {
  const uuid = newUuid();
  const data = bytes(PART + 2_000, salt);
  const cut = PART / 2;
  let context = faultyContext(storage, faults);
  context.ledger.open(uuid, workspace.id, Date.now());

  /** Runs one operation, and again by `retry` on a new object when it was refused or threw. */
  async function survive(operation: () => Promise<{ ok: boolean }>, retry = operation) {
    const first = await operation().catch(() => ({ ok: false }));
    if (!first.ok) {
      faults.heal();
      context = faultyContext(storage, faults);
      expect(await retry()).toMatchObject({ ok: true });
    }
  }
  async function appendFrom(offset: number) {
    const body = new Blob([data.subarray(offset)]).stream();
    return append(context, body, { ...TERMS, length: data.length - offset });
  }
  async function resendFrom(offset: number) {
    expect(await truncate(context, offset)).toMatchObject({ ok: true });
    return appendFrom(offset);
  }

  await survive(
    () => appendFrom(0),
    () => resendFrom(0),
  );
  await survive(() => truncate(context, cut));
  await survive(
    () => appendFrom(cut),
    () => resendFrom(cut),
  );
  const { state } = context.ledger;
  expect(state && offsetOf(state)).toBe(data.length);
  const sourceUrl = `sf://upload/owner/${uuid}`;
  const intent = {
    workspaceId: workspace.id,
    type: "image",
    name: uuid,
    sourceUrl,
    shared: false,
    actor: "owner/ci",
    gift: false,
  };
  await survive(() => seal(context, intent, { size: data.length, sha512: null }));
  faults.heal();
  await removeLeftovers(context);
  return { uuid, data };
}

async function expectIntact(uuid: string, data: Uint8Array): Promise<void> {
  const { results } = await env.DB.prepare(
    `SELECT b.sha512, e.key, e.start, e.length FROM artifacts a
     JOIN versions v ON v.artifact_id = a.id JOIN files f ON f.version_id = v.id
     JOIN blobs b ON b.id = f.blob_id JOIN extents e ON e.blob_id = b.id
     WHERE a.name = ?1 ORDER BY e.position`,
  )
    .bind(uuid)
    .all<{ sha512: string; key: string; start: number; length: number }>();
  const stored = new Uint8Array(data.length);
  let filled = 0;
  for (const { key, start, length } of results) {
    const object = await env.BUCKET.get(key, { range: { offset: start, length } });
    stored.set(new Uint8Array((await object?.arrayBuffer()) ?? []), filled);
    filled += length;
  }
  const sha512 = await hexDigest("SHA-512", data);
  expect(await hexDigest("SHA-512", stored)).toBe(sha512);
  expect(results[0]?.sha512).toBe(sha512);
  // Nothing leaked: every object that is left is one that the catalog names.
  const { objects } = await env.BUCKET.list({ prefix: `uploads/${uuid}/` });
  expect(objects.map(({ key }) => key).toSorted()).toEqual(
    [...new Set(results.map(({ key }) => key))].toSorted(),
  );
}

describe.each(["before", "after"] as const)("a call that fails %s its effect", (mode) => {
  it("loses nothing and leaks nothing, whichever call it is", async () => {
    let fired = true;
    let count = 0;
    for (let from = 1; fired; from += 1) {
      const faults = new Faults(from, mode);
      const stub = env.UPLOADS.getByName(newUuid());
      const { uuid, data } = await runInDurableObject(stub, (_object, { storage }) =>
        runScenario(storage, faults, (seed += 1)),
      );
      await expectIntact(uuid, data);
      ({ fired } = faults);
      count += fired ? 1 : 0;
    }
    // Two multipart uploads, two parts, a completion, a read, the tail, its completion and the catalog.
    expect(count).toBeGreaterThanOrEqual(8);
  }, 60_000);
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
