import { describe, expect, it } from "vitest";

import { BlockCache } from "../../../src/manifest/block-cache.ts";
import { openManifest } from "../../../src/manifest/open-manifest.ts";
import { VersionReader } from "../../../src/manifest/version-reader.ts";
import { makeFile, makeManifest } from "./make-manifest.ts";

describe("BlockCache", () => {
  it("spares the read of a block that was read for another request", async () => {
    const files = Array.from({ length: 2_000 }, (_, at) => makeFile(`f${1_000 + at}`, 1, at));
    const { row, object } = await makeManifest(files);
    const cache = new BlockCache();
    let reads = 0;
    const open = (key: string) =>
      new VersionReader(
        openManifest(row, async (offset, length) => {
          reads += 1;
          return object.slice(offset, offset + length);
        }),
        cache.of(key),
      );
    await open("m/1").find("f1007");
    expect(await open("m/1").find("f1008")).toMatchObject({ ordinal: 9 });
    expect(reads).toBe(1);
    await open("m/1").page(500, 1_100); // of three blocks, the first is known
    await open("m/1").page(500, 1_100);
    expect(reads).toBe(2);
    await open("m/2").find("f1007");
    expect(reads).toBe(3);
  });

  it("lets those go that were asked for the longest ago, at 8 MiB", async () => {
    const files = Array.from({ length: 512 }, (_, at) => makeFile(`f${1_000 + at}`, 1, at));
    const { row, object } = await makeManifest(files);
    const cache = new BlockCache();
    const reads = new Map<string, number>();
    const find = (key: string) =>
      new VersionReader(
        openManifest(row, async (offset, length) => {
          reads.set(key, (reads.get(key) ?? 0) + 1);
          return object.slice(offset, offset + length);
        }),
        cache.of(key),
      ).find("f1007");
    for (let at = 0; at < 100; at += 1) {
      await find(`m/${at}`);
      await find("m/0");
    }
    await find("m/1");
    await find("m/99");
    expect([reads.get("m/0"), reads.get("m/1"), reads.get("m/99")]).toEqual([1, 2, 1]);
  });
});
