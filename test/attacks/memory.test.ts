// Memory that callers share: large bodies beside slow ones, and those of callers who may do nothing (SECURITY.md, T36).

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { send } from "./support/send.ts";
import { makeTenant, makeUser, service, system } from "./support/target.ts";
import { harmOf, watched } from "./support/watch.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** What the process may grow by: the 128 MiB of an isolate, and as much in the simulators, which hold the parts that are sent
 * to them. */
const MOST_MIB = 320;

/** A client that sends a KiB a second of a body that it says is long. */
function openSlowly(uuid: string, bearer: string): Socket {
  const { hostname, port } = new URL(service.origin);
  const socket = connect({ host: hostname, port: Number(port) }).on("error", () => {});
  const head = `POST /upload/${uuid} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n`;
  socket.write(`${head}Content-Length: ${32 * MiB}\r\n\r\n`);
  const timer = setInterval(() => socket.write(Buffer.alloc(KiB)), 1_000);
  return socket.resume().on("close", () => clearInterval(timer));
}

describe("memory", () => {
  it("of 20 large appends beside 50 slow ones is bounded, and holds nobody up", async () => {
    const { bearer } = await makeTenant();
    const open = (count: number) =>
      Promise.all(Array.from({ length: count }, () => service.openUpload(bearer)));
    const [slow, large] = [await open(50), await open(20)];
    const bytes = randomBytes(32 * MiB);
    const seen = await watched("20 large appends beside 50 slow ones", async () => {
      const sockets = slow.map((uuid) => openSlowly(uuid, bearer));
      await delay(500);
      const statuses = await Promise.all(
        large.map((uuid) =>
          send({
            method: "POST",
            path: `/upload/${uuid}`,
            headers: { Authorization: `Bearer ${bearer}` },
            body: bytes,
          }),
        ),
      );
      sockets.forEach((socket) => socket.destroy());
      return statuses;
    });
    expect(harmOf(seen)).toEqual([]);
    expect(seen.memoryMiB).toBeLessThan(MOST_MIB);
    // Some may be asked to come again.
    expect(seen.result.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  });

  it("of declarations of 24 MiB by those who may not make them is bounded, and holds nobody up", async () => {
    const { token } = await makeUser();
    const asked = { kind: "worker" };
    const worker = await service.json<{ token: string }>("POST", "/auth/tokens", asked, system);
    const file = (at: number) =>
      `"${at}/${"\\u00e9".repeat(10)}":{"type":"file","size":1,"checksums":{"sha256":"${"0".repeat(64)}"}}`;
    const files = Array.from({ length: 95_000 }, (_, at) => file(at)).join(",");
    const body = `{"category":"a:b","workspace":"system","files":{${files}}}`;
    const seen = await watched("declarations by those who may not", () =>
      Promise.all(
        [token, token, token, worker.token, worker.token, worker.token].map((one) => {
          const headers = { Token: one, "Content-Type": "application/json" };
          return send({ method: "POST", path: "/api/1.0/artifact/", headers, body });
        }),
      ),
    );
    expect(harmOf(seen)).toEqual([]);
    expect(seen.memoryMiB).toBeLessThan(MOST_MIB);
    expect(seen.result.filter((status) => ![403, 404, 503].includes(status))).toEqual([]);
  });

  it("of pages that show files of 2 MiB is bounded, and holds nobody up", async () => {
    const { bearer } = await makeTenant();
    const { id } = await service.upload("big.txt", Buffer.alloc(2 * MiB, "text\n"), bearer);
    const headers = { Authorization: `Bearer ${bearer}`, Accept: "text/html" };
    const ask = () => send({ method: "GET", path: `/a/${id}/big.txt?view`, headers });
    const seen = await watched("pages of 2 MiB", () =>
      Promise.all(Array.from({ length: 20 }, ask)),
    );
    expect(harmOf(seen)).toEqual([]);
    expect(seen.memoryMiB).toBeLessThan(MOST_MIB);
    expect(seen.result.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  });
});
