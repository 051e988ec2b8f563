// What is sent to every operation: bodies at their bound and beyond, bodies that do not come, and many requests at once (SECURITY.md, T36).

import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { beforeAll, describe, expect, it } from "vitest";

import { OPERATIONS, addressOf, bodyOf, makeThings } from "./support/operations.ts";
import type { Operation, Things } from "./support/operations.ts";
import { NOTHING, overAll } from "./support/over-all.ts";
import { send } from "./support/send.ts";
import { makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const KiB = 1024;
const AT_ONCE = 64;
const SLOW_EACH = 4;
const SLOW_MS = 6_000;

/** Bodies in JSON of a size that is hardly allowed, or hardly not. */
const BODIES: Record<string, (size: number) => string> = {
  "one long text": (size) => `{"key":"${"x".repeat(size - 10)}"}`,
  "arrays within each other": (size) => "[".repeat(size / 2) + "]".repeat(size / 2),
  "objects within each other": (size) => `${'{"a":'.repeat(size / 6)}1${"}".repeat(size / 6)}`,
  "very many values": (size) => `{"files":[${"1,".repeat(size / 2 - 6)}1]}`,
  "very many names": (size) =>
    `{${Array.from({ length: size / 12 }, (_, at) => `"k${at}":1`).join(",")}}`,
  "escapes alone": (size) => `{"key":"${"\\u0000".repeat(size / 6 - 3)}"}`,
  "digits alone": (size) => `{"size":${"9".repeat(size - 12)}}`,
};

let tenant: Tenant;
let things: Things;

beforeAll(async () => {
  tenant = await makeTenant();
  things = await makeThings(tenant);
});

function sendTo(operation: Operation, body: string | null): Promise<number> {
  const { method, mediaType } = operation;
  const headers = {
    Authorization: `Bearer ${tenant.bearer}`,
    ...(body === null ? {} : { "Content-Type": mediaType ?? "application/json" }),
  };
  return send({ method, path: addressOf(operation, tenant, things), headers, body });
}

describe("every operation", () => {
  it.each(Object.keys(BODIES))("with bodies of %s holds nobody up", async (kind) => {
    const make = BODIES[kind] ?? (() => "");
    const bodies = [make(64 * KiB - 32), make(1024 * KiB)];
    const seen = await overAll(`bodies of ${kind}`, (operation) =>
      Promise.all(operation.isChange ? bodies.map((body) => sendTo(operation, body)) : []),
    );
    expect(seen).toEqual(NOTHING);
  });

  it("with bodies that do not come holds nobody up", async () => {
    const changes = OPERATIONS.filter(({ isChange }) => isChange);
    const { hostname, port } = new URL(service.origin);
    const seen = await watched("bodies that do not come", async () => {
      const sockets = changes.flatMap((operation) =>
        Array.from({ length: SLOW_EACH }, () => {
          const socket = connect({ host: hostname, port: Number(port) }).on("error", () => {});
          socket.write(
            [
              `${operation.method} ${addressOf(operation, tenant, things)} HTTP/1.1`,
              "Host: x",
              `Authorization: Bearer ${tenant.bearer}`,
              `Content-Type: ${operation.mediaType ?? "application/json"}`,
              `Content-Length: ${64 * KiB}`,
              "",
              "{",
            ].join("\r\n"),
          );
          return socket.resume();
        }),
      );
      await delay(SLOW_MS);
      sockets.forEach((socket) => socket.destroy());
    });
    expect(harmOf(seen)).toEqual([]);
  });

  it("64 times at once holds nobody up", async () => {
    const seen = await overAll("64 requests at once of each operation", (operation) =>
      Promise.all(
        Array.from({ length: AT_ONCE }, () => sendTo(operation, bodyOf(operation, tenant, things))),
      ),
    );
    expect(seen).toEqual(NOTHING);
  }, 600_000);
});
