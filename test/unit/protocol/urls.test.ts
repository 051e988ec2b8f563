import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  blobDataUrl,
  fileUrl,
  folderUrl,
  isPagePath,
  loginUrl,
} from "../../../src/protocol/urls.ts";

describe("folderUrl()", () => {
  it.each([
    ["", {}, "/a/7/"],
    ["doc/sub/", {}, "/a/7/doc/sub/"],
    ["doc/sub/", { page: 2 }, "/a/7/doc/sub/?page=2"],
    ["doc/", { page: 1 }, "/a/7/doc/"],
    ["doc/", { version: 3 }, "/a/7/doc/?version=3"],
    ["", { version: 3, page: 2 }, "/a/7/?version=3&page=2"],
    ["doc/", { version: 3, archive: "tar.gz" }, "/a/7/doc/?version=3&archive=tar.gz"],
    ["a b/ü/", {}, "/a/7/a%20b/%C3%BC/"],
  ] as const)("writes folder %j with %j as %s", (folder, query, url) => {
    expect(folderUrl(7, folder, query)).toBe(url);
  });
});

describe("fileUrl()", () => {
  it.each([
    ["doc/readme.txt", {}, "/a/7/doc/readme.txt"],
    ["readme", { version: 3 }, "/a/7/readme?version=3"],
    ["readme", { download: true }, "/a/7/readme?download"],
    ["readme", { version: 3, download: true }, "/a/7/readme?version=3&download"],
    ["readme", { download: false }, "/a/7/readme"],
  ] as const)("writes %j with %j as %s", (path, query, url) => {
    expect(fileUrl(7, path, query)).toBe(url);
  });

  it.each([
    [`a b%c#d?e"f'.txt`, "a%20b%25c%23d%3Fe%22f%27.txt"],
    ["1;2&3+4=5,6:7@8$.txt", "1%3B2%263%2B4%3D5%2C6%3A7%408%24.txt"],
    ["!'()*", "%21%27%28%29%2A"],
    ["-._~", "-._~"],
    ["<b>`|^{}[]\\", "%3Cb%3E%60%7C%5E%7B%7D%5B%5D%5C"],
    ["naïve/日本.txt", "na%C3%AFve/%E6%97%A5%E6%9C%AC.txt"],
    ["%2F..%00", "%252F..%2500"],
    ["line\nbreak\u202e", "line%0Abreak%E2%80%AE"],
  ])("encodes %j as %s", (path, encoded) => {
    expect(fileUrl(7, path)).toBe(`/a/7/${encoded}`);
  });

  it("replaces a lone surrogate instead of failing", () => {
    expect(fileUrl(7, "a\ud800b")).toBe("/a/7/a%EF%BF%BDb");
  });

  it("gives every path a URL of unreserved characters that decodes to it", () => {
    const segment = fc
      .string({ unit: "binary", minLength: 1 })
      .filter((text) => !text.includes("/") && text !== "." && text !== "..");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        const { pathname, search, hash } = new URL(
          fileUrl(7, segments.join("/")),
          "https://s.example",
        );
        expect(pathname).toMatch(/^[A-Za-z0-9\-._~%/]*$/);
        expect(pathname.split("/").slice(3).map(decodeURIComponent)).toEqual(segments);
        expect(search + hash).toBe("");
      }),
    );
  });
});

describe("loginUrl()", () => {
  it("encodes the way back once, escapes in it included", () => {
    expect(loginUrl("/a/7/a%20b/?version=3&page=2")).toBe(
      "/login?next=%2Fa%2F7%2Fa%2520b%2F%3Fversion%3D3%26page%3D2",
    );
  });

  it("gives back what it was given when the query is read", () => {
    const next = "/a/7/100%25/?x=a+b&y=%26#";
    expect(new URL(loginUrl(next), "https://s.example").searchParams.get("next")).toBe(next);
  });
});

describe("blobDataUrl()", () => {
  it("names the data of a blob", () => {
    expect(blobDataUrl("3f1c0a3e-6d5b-4a53-9c58-0d6f2b7e9a11")).toBe(
      "/blobs/3f1c0a3e-6d5b-4a53-9c58-0d6f2b7e9a11/data",
    );
  });
});

describe("isPagePath()", () => {
  it.each(["/", "/a", "/a/", "/a/1/x.txt", "/w/demo/", "/login", "/logout", "/a/1/a\nb"])(
    "takes %j",
    (path) => {
      expect(isPagePath(path)).toBe(true);
    },
  );

  it.each(["", "/auth", "/artifacts/a/", "/upload", "/blobs/x/data", "/api/1.0/artifact/"])(
    "leaves %j to tokens alone",
    (path) => {
      expect(isPagePath(path)).toBe(false);
    },
  );

  it.each(["/ab", "/login/", "/logins", "/auth/tokens\n/login", "/x/a/"])(
    "is not fooled by %j",
    (path) => {
      expect(isPagePath(path)).toBe(false);
    },
  );
});
