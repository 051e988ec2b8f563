import { describe, expect, it } from "vitest";

import { respondWithArray } from "../../../src/api/json-array.ts";

async function* pagesOf(...pages: unknown[][]) {
  yield* pages;
}

async function* brokenAfter(pages: number) {
  for (let page = 0; page < pages; page += 1) {
    yield [page];
  }
  throw new Error("the catalog is gone");
}

describe("respondWithArray()", () => {
  it.each([
    [[], []],
    [[[]], []],
    [[[1]], [1]],
    [
      [[], [{ a: "é" }, null], [], [[2]], []],
      [{ a: "é" }, null, [2]],
    ],
  ])("answers pages %j as one array", async (pages, expected) => {
    const response = await respondWithArray(pagesOf(...pages));
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(await response.json()).toEqual(expected);
  });

  it("asks for a page only when the one before is read", async () => {
    let asked = 0;
    async function* counted() {
      while (asked < 50) {
        asked += 1;
        yield ["x".repeat(100_000)];
      }
    }
    const response = await respondWithArray(counted());
    const reader = response.body?.getReader();
    await reader?.read();
    expect(asked).toBeLessThan(5);
    await reader?.cancel();
  });

  it("rejects when the first page fails, and cuts the body when a later one does", async () => {
    await expect(respondWithArray(brokenAfter(0))).rejects.toThrow("the catalog is gone");
    const response = await respondWithArray(brokenAfter(3));
    await expect(response.text()).rejects.toThrow("the catalog is gone");
  });
});
