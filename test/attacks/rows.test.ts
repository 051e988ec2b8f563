// Rows of the catalog that a tenant causes: D1 is one database of 10 GB for everybody (SECURITY.md, T17, T38).

import { beforeAll, describe, expect, it } from "vitest";

import { OPERATIONS, addressOf, bodyOf, makeThings } from "./support/operations.ts";
import type { Operation, Things } from "./support/operations.ts";
import { send } from "./support/send.ts";
import { catalogBytes, makeTenant, service } from "./support/target.ts";
import type { Tenant } from "./support/target.ts";

const KiB = 1024;
const TRIES = 16;
/** Of an operation that adds rows at first. */
const MORE_TRIES = 120;
const AT_ONCE = 8;
/** What a request with an ordinary body adds at most: a few rows and their indexes. */
const MOST_EACH = 8 * KiB;
/** What a workspace adds in all that may hold one byte: less than a hundredth of a percent of the database. */
const MOST_WITHOUT_ROOM = 1024 * KiB;

/** All but those that end what the others are tried with. */
const CHANGES = OPERATIONS.filter(
  ({ isChange, name }) =>
    isChange && !/^DELETE \/(?:artifacts|auth\/namespaces\/\{namespace\})$/u.test(name),
);

/** Asks again and again; gives how many bytes the catalog grew by each time. */
async function grow(operation: Operation, tenant: Tenant, things: Things, tries: number) {
  const before = catalogBytes();
  const ask = () => {
    const body = bodyOf(operation, tenant, things);
    const headers = {
      Authorization: `Bearer ${tenant.bearer}`,
      ...(body === null ? {} : { "Content-Type": operation.mediaType ?? "" }),
    };
    return send({
      method: operation.method,
      path: addressOf(operation, tenant, things),
      headers,
      body,
    });
  };
  for (let at = 0; at < tries; at += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }
  return (catalogBytes() - before) / tries;
}

describe("the catalog", () => {
  let tenant: Tenant;
  let things: Things;

  beforeAll(async () => {
    tenant = await makeTenant();
    things = await makeThings(tenant);
  });

  it("grows by a bounded number of bytes with each request of a tenant without a quota", async () => {
    const grown = new Map<string, number>();
    for (const operation of CHANGES) {
      grown.set(operation.name, await grow(operation, tenant, things, TRIES));
    }
    const told = [...grown]
      .filter(([, bytes]) => bytes > 0)
      .toSorted((one, other) => other[1] - one[1]);
    for (const [name, bytes] of told) {
      console.log(`${name}: ${Math.round(bytes)} bytes of the catalog a request`);
    }
    expect(told.filter(([, bytes]) => bytes > MOST_EACH)).toEqual([]);
  });

  it("does not grow measurably by a tenant that may store a byte, whatever is asked for", async () => {
    const small = await makeTenant({ quota: 1 });
    const own = { ...things, upload: await service.openUpload(small.bearer) };
    const before = catalogBytes();
    for (const operation of CHANGES) {
      if ((await grow(operation, small, own, TRIES)) > 0) {
        await grow(operation, small, own, MORE_TRIES);
      }
    }
    const grown = catalogBytes() - before;
    console.log(
      `A tenant that may store a byte: ${Math.round(grown / KiB)} KiB of the catalog in all`,
    );
    expect(grown).toBeLessThan(MOST_WITHOUT_ROOM);
  });

  it("does not grow measurably by refusals", async () => {
    const before = catalogBytes();
    for (let round = 0; round < 50; round += 1) {
      await Promise.all(
        Array.from({ length: 16 }, () => service.send("GET", "/metrics", undefined, tenant.bearer)),
      );
    }
    expect(catalogBytes() - before).toBeLessThan(MOST_WITHOUT_ROOM / 4);
  });
});
