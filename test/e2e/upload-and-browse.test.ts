import { createHash, randomBytes } from "node:crypto";

import { expect, it } from "vitest";

import { startService } from "../support/service.ts";

const MiB = 1024 * 1024;

it("takes a file in several appends and gives it back under /a/", async () => {
  await using service = await startService();
  const token = await service.makeWorkspace("demo");
  const bytes = randomBytes(20 * MiB + 5);
  const uuid = await service.openUpload(token);
  let sent = 0;
  for (const size of [1, 4096, 9 * MiB, 3, 8 * MiB]) {
    const response = await service.append(uuid, bytes.subarray(sent, sent + size), token);
    sent += size;
    expect(await response.json()).toBe(sent);
  }
  const truncated = await service.truncate(uuid, 5 * MiB, token);
  expect([truncated.status, await truncated.json()]).toEqual([200, null]);
  const rest = await service.append(uuid, bytes.subarray(5 * MiB), token);
  expect(await rest.json()).toBe(bytes.length);

  const artifact = await service.convert(uuid, "image.bin", token);
  expect(artifact).toMatchObject({ name: "image.bin", namespace: "demo", index: 1 });
  const again = await service.convert(uuid, "image.bin", token);
  expect(again.uuid).toBe(artifact.uuid);

  const file = await service.fetch(`/a/${artifact.id}/image.bin`, { bearer: token });
  expect(file.status).toBe(200);
  const body = new Uint8Array(await file.arrayBuffer());
  expect(createHash("sha512").update(body).digest("hex")).toBe(
    createHash("sha512").update(bytes).digest("hex"),
  );
  const range = await service.fetch(`/a/${artifact.id}/image.bin`, {
    bearer: token,
    headers: { Range: "bytes=8388600-8388700" },
  });
  expect(range.status).toBe(206);
  expect(Buffer.from(await range.arrayBuffer())).toEqual(bytes.subarray(8388600, 8388701));
});
