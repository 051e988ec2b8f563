// Many uploads of one isolate and the memory that they share.
// SECURITY.md: T36.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";

import { WORK } from "../../../src/budget/shares.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { isLost } from "../../../src/uploads/lost-object.ts";
import { bytes, hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

let workspace: Workspace;
let gateway: UploadGateway;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  gateway = new UploadGateway(env.UPLOADS, workspace.id);
});

async function open(): Promise<Uuid> {
  const uuid = newUuid();
  valueOf(await gateway.open(uuid));
  return uuid;
}

/** Begins an append of so many bytes, which come when they are written. */
function begin(uuid: Uuid, length: number) {
  const { readable, writable } = new FixedLengthStream(length);
  const terms = { offset: 0, length };
  return { answer: gateway.append(uuid, readable, terms), writer: writable.getWriter() };
}

/** The most that is held while something runs. */
async function peakOf(work: Promise<unknown>): Promise<number> {
  let peak = 0;
  const state = { isOver: false };
  void work.finally(() => {
    state.isOver = true;
  });
  while (!state.isOver) {
    peak = Math.max(peak, WORK.held);
    await scheduler.wait(2);
  }
  return peak;
}

describe("appends at once", () => {
  it("hold no more together than their share, and every byte is right", async () => {
    const content = bytes(13 * MiB + 7, 3);
    const sha512 = await hexDigest("SHA-512", content);
    const uuids = await Promise.all(Array.from({ length: 6 }, open));
    const work = Promise.all(
      uuids.map(async (uuid) => {
        const terms = { offset: 0, length: content.length };
        valueOf(await gateway.append(uuid, new Blob([content]).stream(), terms));
        const intent = {
          workspaceId: workspace.id,
          type: "image",
          name: uuid,
          sourceUrl: "sf://upload/owner/x",
          shared: false,
          actor: "owner/ci",
          gift: false,
        };
        // Refused where it is not the content.
        valueOf(await gateway.seal(uuid, intent, { size: content.length, sha512 }));
      }),
    );
    const peak = await peakOf(work);
    await work;
    expect(peak).toBeGreaterThan(LIMITS.partSize);
    expect(peak).toBeLessThanOrEqual(LIMITS.memoryShares.work);
    expect(WORK.held).toBe(0);
  });

  it("hold what has come, not what they announce", async () => {
    const begun = await Promise.all(
      Array.from({ length: 40 }, async () => begin(await open(), 64 * MiB)),
    );
    const written = begun.map(({ writer }) => writer.write(bytes(1_000)));
    await expect.poll(() => WORK.held).toBeGreaterThan(40 * 64 * KiB);
    expect(WORK.held).toBeLessThan(40 * 400 * KiB);
    // Another one, of a whole part, need not wait for them.
    const whole = gateway.append(await open(), new Blob([bytes(9 * MiB)]).stream(), {
      offset: 0,
      length: 9 * MiB,
    });
    expect(await whole).toMatchObject({ ok: true, size: 9 * MiB });
    await Promise.allSettled(written);
    await Promise.allSettled(begun.map(({ writer }) => writer.abort(new Error("Gone"))));
    const answers = await Promise.all(begun.map(({ answer }) => answer));
    expect(new Set(answers.map((each) => !each.ok && each.code))).toEqual(
      new Set(["upload_body_incomplete"]),
    );
    await expect.poll(() => WORK.held).toBe(0);
  });

  it("that stand still with all of the memory give way to one that waits, in seconds", async () => {
    const hoarders = await Promise.all(
      Array.from({ length: 4 }, async () => begin(await open(), 64 * MiB)),
    );
    const written = hoarders.map(({ writer }) => writer.write(bytes(7 * MiB)));
    await Promise.all(written);
    await expect.poll(() => WORK.held).toBeGreaterThan(4 * 7 * MiB);
    const began = Date.now();
    const content = bytes(9 * MiB, 5);
    const waiting = gateway.append(await open(), new Blob([content]).stream(), {
      offset: 0,
      length: content.length,
    });
    expect(await waiting).toMatchObject({ ok: true, size: content.length });
    expect(Date.now() - began).toBeLessThan(LIMITS.memoryPatience);
    // As many as it takes: the others may go on.
    await Promise.allSettled(hoarders.map(({ writer }) => writer.abort(new Error("Gone"))));
    const answers = await Promise.all(hoarders.map(({ answer }) => answer));
    const codes = answers.map((each) => !each.ok && each.code);
    expect(codes).toContain("upload_body_stalled");
    expect(codes).toContain("upload_body_incomplete");
    await expect.poll(() => WORK.held).toBe(0);
  });
});

describe("an object that the platform ends", () => {
  it("gives back what it held with its next life, and its append is told as lost", async () => {
    const uuid = await open();
    const { answer, writer } = begin(uuid, 64 * MiB);
    await writer.write(bytes(3 * MiB));
    await expect.poll(() => WORK.held).toBeGreaterThan(3 * MiB);
    const reason = "Durable Object exceeded its memory limit and was reset.";
    const stub = env.UPLOADS.getByName(uuid);
    await runInDurableObject(stub, (_object, state) => state.abort(reason)).catch(() => {});
    expect(await answer).toEqual({ ok: false, code: "upload_answer_lost" });
    void writer.abort(new Error("Gone")).catch(() => {});
    expect(await gateway.view(uuid)).toMatchObject({ ok: true, size: 0 });
    await expect.poll(() => WORK.held).toBe(0);
  });

  it.each([
    ["Durable Object exceeded its memory limit and was reset.", true],
    ["Durable Object exceeded its CPU time limit and was reset.", true],
    ["Durable Object's isolate exceeded its memory limit and was reset.", true],
    ["Durable Object storage operation exceeded timeout which caused object to be reset.", true],
    ["Durable Object reset because its code was updated.", true],
    ["Internal error while starting up Durable Object storage caused object to be reset.", true],
    ["Cannot access storage because object has moved to a different machine.", true],
    ["Durable Object is overloaded. Too many requests queued.", true],
    ["Network connection lost.", true],
    ["Cannot work on an upload that was never opened", false],
    ["Object uploads/x has 3 of 8 bytes", false],
    ["Cannot read properties of undefined (reading 'size')", false],
  ])("is known by what it says, when it looks like an error of its own: %s", (message, lost) => {
    expect(isLost(Object.assign(new Error(message), { remote: true }))).toBe(lost);
    expect(isLost(new Error(message))).toBe(true);
  });

  it.each(["durableObjectReset", "overloaded", "retryable"])("is known by the mark %s", (mark) => {
    expect(isLost(Object.assign(new Error("x"), { remote: true, [mark]: true }))).toBe(true);
  });
});
