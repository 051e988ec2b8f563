// SECURITY.md: ASVS 2.3.1.

import { describe, expect, it } from "vitest";

import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import {
  clipExtents,
  decideAppend,
  decideSeal,
  isExpired,
  nextAlarm,
  offsetOf,
  partSizeOf,
  planTruncate,
} from "../../../src/uploads/state.ts";
import type { UploadExtent, UploadState } from "../../../src/uploads/state.ts";

const MiB = 1024 * 1024;
const PART = LIMITS.partSize;
const intent = {
  workspaceId: 1,
  type: "image",
  name: "a",
  sourceUrl: "sf://a",
  shared: false,
  actor: "owner/ci",
  gift: false,
};
const result = { artifactUuid: newUuid(), versionIndex: 1 };

function extent(n: number, length: number, open = false): UploadExtent {
  const multipart = open ? { id: `m${n}`, begunAt: 1_000 } : null;
  return { n, key: `k${n}`, partSize: PART, length, multipart };
}

function openState(extents: UploadExtent[], tailLength: number): UploadState {
  return {
    phase: "open",
    uuid: newUuid(),
    workspaceId: 1,
    room: null,
    createdAt: 0,
    lastAppendAt: 5_000,
    reportedAt: 0,
    extents,
    tailLength,
    fetch: null,
    plan: null,
    length: null,
    standing: { isFinished: false, isWithdrawn: false, taker: null, refusal: null },
    joining: null,
  };
}

const open = openState([extent(1, 2 * PART), extent(2, PART, true)], 100);
const sealing: UploadState = {
  ...open,
  phase: "sealing",
  sealingSince: 5_000,
  intent,
};
const expired: UploadState = { ...open, phase: "expired" };
const sealed: UploadState = { ...open, phase: "sealed", intent, result, sealedAt: 9_000 };

describe("offsetOf()", () => {
  it("is the sum of the extents and the tail", () => {
    expect(offsetOf(open)).toBe(3 * PART + 100);
  });
});

describe("partSizeOf()", () => {
  it("is that of the open extent, or of a new one", () => {
    const other = { ...extent(1, 32 * MiB, true), partSize: 16 * MiB };
    expect(partSizeOf(openState([other], 0))).toBe(16 * MiB);
    expect(partSizeOf(openState([{ ...other, multipart: null }], 0))).toBe(PART);
    expect(partSizeOf(openState([], 0))).toBe(PART);
  });
});

describe("decideAppend()", () => {
  it("refuses another offset with both offsets in the detail", () => {
    expect(decideAppend(open, { offset: 7, length: 1 })).toEqual({
      ok: false,
      code: "upload_offset_conflict",
      detail: `at ${3 * PART + 100}, not 7`,
    });
  });

  it("refuses what would pass the largest upload", () => {
    const terms = { offset: null, length: LIMITS.uploadSize };
    expect(decideAppend(open, terms)).toMatchObject({ code: "upload_too_large" });
  });

  it("refuses while sealing, once sealed and once expired", () => {
    const terms = { offset: null, length: null };
    expect(decideAppend(sealing, terms)).toMatchObject({ code: "upload_sealing" });
    expect(decideAppend(sealed, terms)).toMatchObject({ code: "upload_not_found" });
    expect(decideAppend(expired, terms)).toMatchObject({ code: "upload_not_found" });
  });
});

describe("planTruncate()", () => {
  it.each([
    ["to the offset", 3 * PART + 100, 3 * PART, { kind: "nothing" }],
    ["inside the tail", 3 * PART + 1, 3 * PART, { kind: "tail", keep: 1 }],
    ["to where the tail begins", 3 * PART, 3 * PART, { kind: "tail", keep: 0 }],
    ["inside a part", 2 * PART + 9, 2 * PART, { kind: "back", boundary: 2 * PART, piece: 9 }],
    ["to a boundary", 2 * PART, 2 * PART, { kind: "back", boundary: 2 * PART, piece: 0 }],
    ["to nothing", 0, 0, { kind: "back", boundary: 0, piece: 0 }],
  ])("plans a truncate %s", (_where, target, boundary, plan) => {
    expect(planTruncate(open, target, boundary)).toEqual({ ok: true, plan });
  });

  it("refuses to go beyond the end", () => {
    const planned = planTruncate(open, 3 * PART + 101, 3 * PART);
    expect(planned).toMatchObject({ ok: false, code: "truncate_beyond_end" });
  });
});

describe("clipExtents()", () => {
  it("shortens the extent that the cut meets and drops those behind it", () => {
    const { kept, dropped } = clipExtents(open.extents, PART);
    expect(kept).toEqual([{ extent: extent(1, PART), parts: 1 }]);
    expect(dropped).toEqual([extent(2, PART, true)]);
  });

  it("keeps all at the end and nothing at 0", () => {
    expect(clipExtents(open.extents, 3 * PART).kept).toHaveLength(2);
    expect(clipExtents(open.extents, 0).dropped).toHaveLength(2);
  });
});

describe("decideSeal()", () => {
  const nothing = { size: null, sha512: null };

  it("begins when open, goes on while sealing and repeats the result once sealed", () => {
    const kind = (state: UploadState) => decideSeal(state, intent, nothing, "aa");
    expect(kind(open)).toEqual({ ok: true, decision: { kind: "begin" } });
    expect(kind(sealing)).toEqual({ ok: true, decision: { kind: "continue" } });
    expect(kind(sealed)).toEqual({ ok: true, decision: { kind: "done", result } });
  });

  it("refuses to become two different artifacts, or any once expired", () => {
    expect(decideSeal(expired, intent, nothing, "aa")).toMatchObject({ code: "upload_not_found" });
    const other = { ...intent, name: "b" };
    expect(decideSeal(sealed, other, nothing, "aa")).toMatchObject({ code: "upload_converted" });
  });

  it.each([
    ["size", { size: 1, sha512: null }],
    ["sha512", { size: null, sha512: "bb" }],
  ])("refuses content of another %s, the first time and again", (_what, guard) => {
    for (const state of [open, sealing, sealed]) {
      const decided = decideSeal(state, intent, guard, "aa");
      expect(decided).toMatchObject({ ok: false, code: "upload_content_mismatch" });
    }
  });
});

describe("isExpired()", () => {
  it("is true only for an open upload whose last byte is older", () => {
    expect(isExpired(open, 5_001)).toBe(true);
    expect(isExpired(open, 5_000)).toBe(false);
    expect(isExpired(sealing, 9_999)).toBe(false);
    expect(isExpired(expired, 0)).toBe(true);
  });
});

describe("nextAlarm()", () => {
  it("wakes an open upload before R2 drops its multipart upload, and no other", () => {
    expect(nextAlarm(open, 0)).toBe(1_000 + LIMITS.multipartAge);
    expect(nextAlarm(openState([extent(1, PART)], 0), 0)).toBeNull();
  });

  it("repeats a seal, ever more rarely, and forgets a sealed upload in the end", () => {
    expect(nextAlarm(sealing, 6_000)).toBe(6_000 + LIMITS.alarmRetry);
    expect(nextAlarm(sealing, 5_000 + 8_000_000)).toBe(5_000 + 9_000_000);
    expect(nextAlarm(sealed, 0)).toBe(9_000 + LIMITS.sealedMemory);
  });

  it("comes again soon where what it was for is overdue", () => {
    const late = 100 * LIMITS.sealedMemory;
    for (const state of [open, sealed, expired]) {
      expect(nextAlarm(state, late)).toBe(late + LIMITS.alarmRetry);
    }
  });
});
