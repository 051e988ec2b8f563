import { describe, expect, it } from "vitest";

import { formatHttpDate, parseHttpDate } from "../../../src/http/http-date.ts";

const TIME = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("parseHttpDate()", () => {
  it.each([
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
  ])("reads %j", (text) => {
    expect(parseHttpDate(text)).toBe(TIME);
  });

  it.each([
    ["Saturday, 01-Jan-00 00:00:00 GMT", Date.UTC(2000, 0, 1)],
    ["Tuesday, 31-Dec-69 23:59:59 GMT", Date.UTC(2069, 11, 31, 23, 59, 59)],
    ["Thursday, 01-Jan-70 00:00:00 GMT", 0],
  ])("reads the two digits of the year in %j", (text, expected) => {
    expect(parseHttpDate(text)).toBe(expected);
  });

  it.each([
    "",
    "yesterday",
    "1994-11-06T08:49:37Z",
    "784111777",
    "06 Nov 1994 08:49:37 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 06 Nov 1994 25:00:00 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:49:60 GMT",
    "Sun, 06 Nov 1994 ::::::::  GMT",
    "Thu, 31 Feb 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "sun, 06 nov 1994 08:49:37 gmt",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  ])("refuses %j", (text) => {
    expect(parseHttpDate(text)).toBeNull();
  });
});

describe("formatHttpDate()", () => {
  it("writes a fixed-length date and drops the part of a second", () => {
    expect(formatHttpDate(TIME + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  });
});
