import { describe, expect, it } from "vitest";

import { parseLocalPath } from "../../../src/http/local-path.ts";
import { ELSEWHERE } from "../../support/elsewhere.ts";

describe("parseLocalPath() (T5)", () => {
  it.each(ELSEWHERE)("refuses %s", (_what, text) => {
    expect(parseLocalPath(text)).toBeNull();
  });

  it.each([
    ["the root", "/", "/"],
    ["a path with a query", "/a/1/doc/?version=2&page=3", "/a/1/doc/?version=2&page=3"],
    ["an encoded path", "/a/1/a%20b%2Fc%23?x=%26#L1", "/a/1/a%20b%2Fc%23?x=%26#L1"],
    ["another host in the query", "/a/1/?u=//evil.example", "/a/1/?u=//evil.example"],
    ["two slashes further on", "/a//b", "/a//b"],
    ["encoded slashes at the start", "/%2Fevil.example", "/%2Fevil.example"],
    ["an encoded backslash", "/%5Cevil.example", "/%5Cevil.example"],
    ["an encoded newline", "/a/%0d%0aX: 1", "/a/%0d%0aX:%201"],
    ["dots within", "/a/1/x/../y", "/a/1/y"],
    ["what goes up too far", "/../../a/1/", "/a/1/"],
    ["characters that are not ASCII", "/a/é", "/a/%C3%A9"],
    ["an at sign", "/@evil.example", "/@evil.example"],
  ])("takes %s", (_what, text, path) => {
    expect(parseLocalPath(text)).toBe(path);
    // A browser ends up on the site that it came from.
    expect(new URL(path, "https://s.example/login").origin).toBe("https://s.example");
  });
});
