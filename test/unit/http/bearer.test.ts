import { describe, expect, it } from "vitest";

import { parseBearer } from "../../../src/http/bearer.ts";

describe("parseBearer()", () => {
  it.each([
    ["Bearer abc", "abc"],
    ["bearer abc", "abc"],
    ["BEARER abc", "abc"],
    ["Bearer   abc", "abc"],
    ["Bearer eyJ.e-_.~+/a==", "eyJ.e-_.~+/a=="],
  ])("reads the token of %j", (header, token) => {
    expect(parseBearer(header)).toEqual({ kind: "bearer", token });
  });

  it.each([null, ""])("finds none in %j", (header) => {
    expect(parseBearer(header)).toEqual({ kind: "none" });
  });

  it.each([
    "Bearer",
    "Bearer ",
    "Bearerabc",
    "Bearer\tabc",
    " Bearer abc",
    "Bearer a b",
    "Bearer abc, Bearer def",
    "Bearer a=b",
    "Bearer ==",
    'Bearer "abc"',
    "Bearer é",
    "Basic YTpi",
    "Token abc",
    "abc",
  ])("finds %j malformed", (header) => {
    expect(parseBearer(header)).toEqual({ kind: "malformed" });
  });
});
