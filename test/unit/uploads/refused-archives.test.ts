// An archive that was refused for what is in it makes no work a second time (T36): not for its upload, nor for another with the
// same bytes, whatever fails on the way.
// SECURITY.md: T15.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gzipSync } from "fflate";
import { beforeAll, describe, expect, it, vi } from "vitest";

import { TarWalk } from "../../../src/archive/tar-walk.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { insertUpload } from "../../../src/catalog/publish/uploads.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { append } from "../../../src/uploads/append.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { continueExplode, explode } from "../../../src/uploads/explode.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { END, join, member } from "../archive/make-tar.ts";
import { bytes } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";
import { Faults, faultyBatches, faultyContext } from "../support/faults.ts";

const TERMS = { offset: null, length: null, digest: null };
const ANY = { size: null, sha512: null };
const DAY = 24 * 3_600_000;

let workspace: Workspace;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  vi.spyOn(console, "error").mockImplementation(() => {});
});

function intentFor(name: string, { id } = workspace) {
  const made = { workspaceId: id, type: "image", name, sourceUrl: `sf://${name}` };
  return { ...made, shared: false, actor: "test", gift: false, explode: true } as const;
}

/** A tar with a file that is a folder as well: found out behind `salt`-ed bytes. */
function badTar(salt: number): Uint8Array {
  return join(member({ name: "a" }, bytes(2_000, salt)), member({ name: "a/b" }, "below"), END);
}

async function openUpload(content: Uint8Array, { id } = workspace) {
  const uuid = newUuid();
  const gateway = new UploadGateway(env.UPLOADS, id);
  await insertUpload(env.DB, uuid, id, Date.now());
  await gateway.open(uuid, null);
  await gateway.append(uuid, new Blob([content]).stream(), TERMS);
  return { uuid, gateway, stub: env.UPLOADS.getByName(uuid) };
}

/** Explodes an upload with all of its alarms. */
async function explodeWhole(
  { uuid, gateway, stub }: Awaited<ReturnType<typeof openUpload>>,
  name: string,
  owner = workspace,
) {
  const begun = await gateway.explode(uuid, intentFor(name, owner), ANY);
  await runDurableObjectAlarm(stub);
  await vi.waitUntil(async () => (await rowOf(name))?.fetching !== uuid);
  return begun;
}

function rowOf(name: string) {
  return env.DB.prepare("SELECT state, error_message, fetching FROM artifacts WHERE name = ?1")
    .bind(name)
    .first<{ state: string; error_message: string | null; fetching: string | null }>();
}

describe.each([
  ["tar", (tar: Uint8Array) => tar],
  ["gzip", (tar: Uint8Array) => gzipSync(tar)],
] as const)("a %s that was refused", (packing, pack) => {
  it("is refused at once when it comes again, from the same workspace alone", async () => {
    const content = pack(badTar(packing.length));
    const first = await openUpload(content);
    expect(await explodeWhole(first, `${packing} first`)).toMatchObject({ ok: true });
    expect(await rowOf(`${packing} first`)).toMatchObject({
      state: "error",
      error_message: "'a' is also the folder of 'a/b'",
    });

    const pushes = vi.spyOn(TarWalk.prototype, "steps");
    const refused = {
      ok: false,
      code: "artifact_explode_refused",
      detail: "'a' is also the folder of 'a/b'",
    };
    expect(await explodeWhole(first, `${packing} repeat`)).toEqual(refused);
    const other = await openUpload(content);
    expect(await explodeWhole(other, `${packing} other`)).toEqual(refused);
    expect(await rowOf(`${packing} other`)).toBeNull();
    expect(pushes).not.toHaveBeenCalled();

    const stranger = await makeWorkspace(`stranger of ${packing}`);
    const theirs = await openUpload(content, stranger);
    const begun = await explodeWhole(theirs, `${packing} theirs`, stranger);
    expect(begun).toMatchObject({ ok: true });
    expect(pushes).toHaveBeenCalled();
    pushes.mockRestore();

    // It may become a plain artifact as before, and other bytes are read.
    expect(await first.gateway.view(first.uuid)).toMatchObject({ size: content.length });
    const good = await openUpload(pack(join(member({ name: "a" }, "good"), END)));
    expect(await explodeWhole(good, `${packing} good`)).toMatchObject({ ok: true });
  });

  it.each(["before", "after"] as const)(
    "makes no work again whichever call fails %s its effect",
    async (mode) => {
      let fired = true;
      for (let from = 1; fired; from += 1) {
        const faults = new Faults(from, mode);
        const name = `${packing} ${mode} ${from}`;
        const content = pack(badTar(from * 100 + packing.length + mode.length * 10_000));
        await runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
          const sound = faultyContext(storage, new Faults(Infinity, mode));
          await appendTo(sound, content);
          const broken = faultyContext(storage, faults, faultyBatches(faults));
          await explode(broken, intentFor(name), ANY).catch(() => null);
          await continueExplode(broken).catch(() => null);
          const pushes = vi.spyOn(TarWalk.prototype, "steps");
          const explosion = sound.ledger.explosion.read();
          const wasRefused =
            explosion === null
              ? (await rowOf(name))?.state === "error"
              : explosion.refusal !== null;
          const healed = faultyContext(storage, new Faults(Infinity, mode));
          await explode(healed, intentFor(name), ANY);
          for (let turn = 0; healed.ledger.state?.phase === "sealing" && turn < 5; turn += 1) {
            await continueExplode(healed);
          }
          expect(pushes.mock.calls.length > 0).toBe(!wasRefused);
          expect(healed.ledger.state?.phase).toBe("open");
          expect(await explode(healed, intentFor(`${name} again`), ANY)).toMatchObject({
            code: "artifact_explode_refused",
          });
          pushes.mockRestore();
        });
        expect(await rowOf(name)).toMatchObject({ state: "error", fetching: null });
        ({ fired } = faults);
      }
    },
    60_000,
  );
});

async function appendTo(context: UploadContext, content: Uint8Array): Promise<void> {
  const uuid = newUuid();
  await insertUpload(env.DB, uuid, workspace.id, Date.now());
  context.ledger.open(uuid, workspace.id, Date.now());
  await append(context, new Blob([content]).stream(), TERMS);
}

describe("what is remembered of a refused archive", () => {
  it("counts for the reader that refused it", async () => {
    const content = badTar(31);
    await explodeWhole(await openUpload(content), "reader one");
    await env.DB.exec("UPDATE refused_archives SET reader = reader - 1");
    const again = await openUpload(content);
    expect(await explodeWhole(again, "reader two")).toMatchObject({ ok: true });
    const third = await openUpload(content);
    expect(await explodeWhole(third, "reader three")).toMatchObject({ ok: false });
  });

  it.each([
    ["tar", (tar: Uint8Array) => tar],
    ["gzip", (tar: Uint8Array) => gzipSync(tar)],
  ])("counts until there is more room where a %s did not fit", async (name, pack) => {
    const owner = await makeWorkspace(`small ${name}`);
    await env.DB.prepare("UPDATE workspaces SET quota_bytes = 50000 WHERE id = ?1")
      .bind(owner.id)
      .run();
    const content = pack(join(member({ name: "a" }, new Uint8Array(200_000)), END));
    await explodeWhole(await openUpload(content, owner), `${name} fits`, owner);
    expect((await rowOf(`${name} fits`))?.error_message).toContain("no room");
    const again = await openUpload(content, owner);
    expect(await explodeWhole(again, `${name} fits again`, owner)).toMatchObject({
      ok: false,
      code: "quota_exceeded",
    });
    await env.DB.prepare("UPDATE workspaces SET quota_bytes = 5000000 WHERE id = ?1")
      .bind(owner.id)
      .run();
    expect(await explodeWhole(again, `${name} fits at last`, owner)).toMatchObject({ ok: true });
    await vi.waitUntil(async () => (await rowOf(`${name} fits at last`))?.state === "created");
  });

  it("is bounded, and goes with the sweep", async () => {
    const { refusedArchives } = LIMITS;
    Object.assign(LIMITS, { refusedArchives: 2 });
    const owner = await makeWorkspace("many");
    for (let n = 1; n <= 4; n += 1) {
      await explodeWhole(await openUpload(badTar(900 + n), owner), `many ${n}`, owner);
    }
    Object.assign(LIMITS, { refusedArchives });
    const count = () =>
      env.DB.prepare("SELECT count(*) AS n FROM refused_archives WHERE workspace_id = ?1")
        .bind(owner.id)
        .first<number>("n");
    expect(await count()).toBe(2);
    await sweep(env, 400 * DAY, Date.now() + LIMITS.refusalMemory - DAY);
    expect(await count()).toBe(2);
    await sweep(env, 400 * DAY, Date.now() + LIMITS.refusalMemory + 1);
    expect(await count()).toBe(0);
  });
});
