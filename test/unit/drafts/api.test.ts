// Debusine's API over drafts: what the wire says while files come, and once they are there.

import { beforeAll, describe, expect, it } from "vitest";

import { bytes } from "../support/bytes.ts";
import { applySchema } from "../support/catalog.ts";
import { Client } from "../support/client.ts";

let client: Client;

beforeAll(async () => {
  await applySchema();
  client = await Client.make("owner");
});

interface Described {
  id: number;
  files_to_upload: string[];
  files: Record<string, { size: number }>;
}

const put = (id: number, path: string, body: Uint8Array, headers = {}) =>
  client.send("PUT", `/api/1.0/artifact/${id}/files/${path}/`, body, headers);

const show = (id: number) => client.json<Described>("GET", `/api/1.0/artifact/${id}/`);

describe("a bundle", () => {
  it("is filled file by file, in pieces where they are large, and then says so again and again", async () => {
    const small = bytes(100, 1);
    const large = bytes(1_500_000, 2);
    const declared = await client.declare({
      "a/small": small,
      large,
      empty: bytes(0),
      copy: small,
    });
    expect(declared.status).toBe(201);
    const { id, files_to_upload: missing } = await declared.json<Described>();
    expect(missing).toEqual(["a/small", "copy", "large"]);
    expect((await put(id, "nowhere", small)).status).toBe(404);
    expect((await put(id, "a/small", bytes(100, 3))).status).toBe(409);
    expect((await put(id, "a/small", small)).status).toBe(201);
    expect((await put(id, "copy", small)).status).toBe(201);
    const half = 1_000_000;
    const range = (from: number, to: number) => ({
      "Content-Range": `bytes ${from}-${to - 1}/${large.length}`,
    });
    const gap = await put(id, "large", large.slice(half), range(half, large.length));
    expect(gap.status).toBe(400);
    const first = await put(id, "large", large.slice(0, half), range(0, half));
    expect([first.status, first.headers.get("Range")]).toEqual([200, `bytes=0-${half}`]);
    const question = await put(id, "large", bytes(0), {
      "Content-Range": `bytes */${large.length}`,
    });
    expect([question.status, question.headers.get("Range")]).toEqual([206, `bytes=0-${half}`]);
    expect((await show(id)).files_to_upload).toEqual(["large"]);
    const second = await put(id, "large", large.slice(half), range(half, large.length));
    expect(second.status).toBe(201);
    const complete = await show(id);
    expect(complete.files_to_upload).toEqual([]);
    expect(Object.keys(complete.files)).toEqual(["a/small", "copy", "empty", "large"]);
    expect((await put(id, "a/small", small)).status).toBe(201);
    expect(
      (await put(id, "large", bytes(0), { "Content-Range": `bytes */${large.length}` })).status,
    ).toBe(200);
    expect((await put(id, "nowhere", small)).status).toBe(404);
    const again = await client.declare({ x: small, y: large });
    expect(await again.json()).toMatchObject({ files_to_upload: [] });
  });
});
