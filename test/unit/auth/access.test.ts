import { describe, expect, it } from "vitest";

import {
  decidePage,
  readerFor,
  requireOwn,
  requireSystem,
  requireWorkspaceKey,
} from "../../../src/auth/access.ts";
import type { Identity } from "../../../src/protocol/identity.ts";

const nobody: Identity = { kind: "nobody", refusal: null };
const refused: Identity = { kind: "nobody", refusal: "access_token_refused" };
const user: Identity = { kind: "user", userId: 7, name: "ann", tokenId: 1 };
const worker: Identity = { kind: "worker", tokenId: 3 };
const key: Identity = {
  kind: "workspace",
  workspaceId: 2,
  name: "demo",
  keyName: "ci",
  nonce: "nonce",
  isSystem: false,
};
const system: Identity = { ...key, workspaceId: 1, name: "system", isSystem: true };

describe("readerFor()", () => {
  it.each([
    ["nobody", nobody, { all: false, workspaceId: null, userId: null }],
    ["a user", user, { all: false, workspaceId: null, userId: 7 }],
    ["a worker", worker, { all: true, workspaceId: null, userId: null }],
    ["a workspace's key", key, { all: false, workspaceId: 2, userId: null }],
    ["the system key", system, { all: true, workspaceId: 1, userId: null }],
  ])("lets %s read what is its own", (_who, identity, reader) => {
    expect(readerFor(identity)).toEqual(reader);
  });
});

describe("decidePage()", () => {
  it("shows what is readable to anyone", () => {
    expect(decidePage(nobody, true)).toBe("show");
    expect(decidePage(refused, true)).toBe("show");
  });

  it.each([
    ["nobody", nobody, "login"],
    ["a refused token", refused, "refuse"],
    ["a user", user, "forbid"],
    ["a workspace's key", key, "forbid"],
  ])("answers what is not readable to %s", (_who, identity, decision) => {
    expect(decidePage(identity, false)).toBe(decision);
  });
});

describe("requireWorkspaceKey()", () => {
  it.each([
    ["nothing sent", nobody, "token_missing"],
    ["a refused token", refused, "access_token_refused"],
    ["a user's token", user, "workspace_key_needed"],
    ["a worker's token", worker, "workspace_key_needed"],
  ])("refuses with %s", (_what, identity, code) => {
    expect(() => requireWorkspaceKey(identity)).toThrow(expect.objectContaining({ code }));
  });
});

describe("requireSystem()", () => {
  it("lets only the system key through", () => {
    expect(() => requireSystem(system)).not.toThrow();
    expect(() => requireSystem(key)).toThrow(expect.objectContaining({ code: "system_only" }));
  });
});

describe("requireOwn()", () => {
  it("answers as for a workspace that does not exist when it is another's", () => {
    expect(() => requireOwn(key, "demo")).not.toThrow();
    expect(() => requireOwn(system, "demo")).not.toThrow();
    expect(() => requireOwn(key, "other")).toThrow(
      expect.objectContaining({ code: "namespace_not_found" }),
    );
  });
});
