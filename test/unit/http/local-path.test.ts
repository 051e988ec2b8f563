import { describe, expect, it } from "vitest";

import { parseLocalPath } from "../../../src/http/local-path.ts";

/** What must not be taken for a path of this site; the tests over HTTP send them too. */
const ELSEWHERE = [
  ["nothing", ""],
  ["another host", "//evil.example"],
  ["another host after a path of dots", "/.//evil.example/"],
  ["another host after a path that goes up", "/a/..//evil.example/"],
  ["another host after encoded dots", "/%2e%2e//evil.example"],
  ["another host after three slashes", "///evil.example"],
  ["another host after a backslash", "/\\evil.example"],
  ["another host after two backslashes", "\\\\evil.example"],
  ["another host after a backslash and a slash", "\\/evil.example"],
  ["a backslash further on", "/a\\..\\..//evil.example"],
  ["another host in a whole URL", "https://evil.example/a/1/"],
  ["another host without its slashes", "https:evil.example"],
  ["another host with one slash", "https:/evil.example"],
  ["this site in a whole URL", "https://local.invalid/a/1/"],
  ["a script", "javascript:alert(1)"],
  ["a script after a space", " javascript:alert(1)"],
  ["a script with a tab in its scheme", "java\tscript:alert(1)"],
  ["a document", "data:text/html,<script>alert(1)</script>"],
  ["a tab between slashes", "/\t/evil.example"],
  ["a newline between slashes", "/\n/evil.example"],
  ["a carriage return and a header", "/a/1/\r\nSet-Cookie: stowage=1"],
  ["a tab in front", "\t//evil.example"],
  ["a space in front", " //evil.example"],
  ["a NUL", "/a/\u0000"],
  ["a control character of C1", "/a/\u0085"],
  ["a relative path", "a/1/"],
  ["a path that goes up", "../a/1/"],
  ["a query", "?next=/a/1/"],
  ["a fragment", "#main"],
  ["a user in front of another host", "//stowage.example@evil.example/"],
  ["a host of full-width characters", "//ｅvil.example"],
] as const;

describe("parseLocalPath()", () => {
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
