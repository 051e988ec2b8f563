import { describe, expect, it } from "vitest";

import { preferredForm, type Form } from "../../../src/http/accepts.ts";

const CHROME =
  "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const FALLBACKS: readonly Form[] = ["html", "json", "text"];

describe("preferredForm()", () => {
  it.each([
    ["text/html", "html"],
    ["application/json", "json"],
    ["text/plain", "text"],
    ["TEXT/HTML", "html"],
    [CHROME, "html"],
    ["application/json, text/plain;q=0.9", "json"],
    ["application/json;q=0.5, text/html;q=0.9", "html"],
    ["text/html;q=0.1, */*;q=0.05", "html"],
    ["application/json, */*", "json"],
    ["text/html, application/json;q=1.000", "html", ["html", "text"]],
    ["text/html;q=0, text/*, application/*;q=0.5", "text"],
    ["text/html;q=0.2, text/plain;q=0.3, */*;q=0.1", "text"],
    ["application/*", "json"],
    ["text/html;level=1;q=0.3, application/json;q=0.2", "html"],
    ["text/html ; q=0.3 , application/json ; q=0.2", "html"],
    ["image/png, application/json;q=0.1", "json"],
    ["application/json;q=0.001", "json"],
  ] as [string, Form, Form[]?][])("answers %s with %s", (accept, expected, fallbacks = []) => {
    for (const fallback of fallbacks.length > 0 ? fallbacks : FALLBACKS) {
      expect(preferredForm(accept, fallback)).toBe(expected);
    }
  });

  it.each([
    null,
    "",
    "*/*",
    "*/*;q=0.1",
    "image/png",
    "text/html;q=0",
    "text/plain;q=0, application/json;q=0.0",
    "text/html, application/json, text/plain",
    "text/html;q=0, application/json;q=0, text/plain;q=0",
    "*/*;q=0",
    "application/json;q=2",
    "application/json;q=-1",
    "application/json;q=high",
    "json",
    ";;,,;q=",
  ])("answers %s with the fallback", (accept) => {
    for (const fallback of FALLBACKS) {
      expect(preferredForm(accept, fallback)).toBe(fallback);
    }
  });

  it("does not answer with a fallback that is refused", () => {
    expect(preferredForm("text/html;q=0, */*", "html")).not.toBe("html");
  });
});
