import { describe, expect, it } from "vitest";

import { mayChange } from "../../../src/http/same-origin.ts";

const URL_HERE = "https://s.example/logout";

describe("mayChange() (T6)", () => {
  it.each([
    ["a form of this site", { "Sec-Fetch-Site": "same-origin" }, true],
    [
      "a form of this site, with a cookie",
      { "Sec-Fetch-Site": "same-origin", Cookie: "a=b" },
      true,
    ],
    ["one whose Origin was hidden", { "Sec-Fetch-Site": "same-origin", Origin: "null" }, true],
    ["an Origin that is this site", { Origin: "https://s.example", Cookie: "a=b" }, true],
    ["no browser", {}, true],
    ["another site", { "Sec-Fetch-Site": "cross-site" }, false],
    ["another host of the same site", { "Sec-Fetch-Site": "same-site" }, false],
    ["no page at all", { "Sec-Fetch-Site": "none" }, false],
    ["a word of a later standard", { "Sec-Fetch-Site": "same-planet" }, false],
    [
      "another site that names this one as Origin",
      { "Sec-Fetch-Site": "cross-site", Origin: "https://s.example" },
      false,
    ],
    ["another Origin", { Origin: "https://evil.example" }, false],
    ["this host over http", { Origin: "http://s.example" }, false],
    ["another port of this host", { Origin: "https://s.example:8443" }, false],
    ["a host that begins alike", { Origin: "https://s.example.evil.example" }, false],
    ["a hidden Origin", { Origin: "null" }, false],
    ["an empty Origin", { Origin: "" }, false],
    ["a cookie without any origin", { Cookie: "a=b" }, false],
  ])("decides over a POST from %s", (_from, headers, expected) => {
    expect(mayChange("POST", new Headers(headers as HeadersInit), URL_HERE)).toBe(expected);
  });

  it("asks every method but those that change nothing", () => {
    const foreign = new Headers({ "Sec-Fetch-Site": "cross-site" });
    const methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "MOVE"];
    expect(methods.filter((method) => mayChange(method, foreign, URL_HERE))).toEqual([
      "GET",
      "HEAD",
      "OPTIONS",
    ]);
  });
});
