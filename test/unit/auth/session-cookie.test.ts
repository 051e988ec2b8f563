// SECURITY.md: ASVS 3.3.1.

import { describe, expect, it } from "vitest";

import { cookieKind, readSessionId, sessionCookie } from "../../../src/auth/session-cookie.ts";

const ID = "0123456789abcdef".repeat(4);
const SECURE = { name: "__Host-stowage", secure: true };
const LOCAL = { name: "stowage", secure: false };

function idIn(url: string, cookie: string): string | null {
  return readSessionId(new Request(url, { headers: { Cookie: cookie } }));
}

describe("cookieKind()", () => {
  it.each([
    ["https://s.example/login", SECURE],
    ["https://localhost:8443/", SECURE],
    ["http://localhost:8787/login", LOCAL],
    ["http://demo.localhost/", LOCAL],
    ["http://127.0.0.1:8787/", LOCAL],
    ["http://127.8.9.1/", LOCAL],
    ["http://[::1]:8787/", LOCAL],
    ["http://s.example/login", null],
    ["http://192.168.1.5:8787/", null],
    ["http://127.0.0.1.evil.example/", null],
    ["http://localhost.evil.example/", null],
    ["http://evillocalhost/", null],
    ["http://[::2]/", null],
  ])("of %s is %j", (url, kind) => {
    expect(cookieKind(url)).toEqual(kind);
  });
});

describe("sessionCookie()", () => {
  it("gives an id and takes it away under the rules of __Host-", () => {
    const kind = { name: "__Host-stowage", secure: true } as const;
    expect(sessionCookie(kind, ID)).toBe(
      `__Host-stowage=${ID}; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    expect(sessionCookie(kind, null)).toBe(
      "__Host-stowage=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",
    );
  });

  it("leaves out on a plain local site what browsers refuse there", () => {
    expect(sessionCookie({ name: "stowage", secure: false }, ID)).toBe(
      `stowage=${ID}; Path=/; HttpOnly; SameSite=Lax`,
    );
  });
});

describe("readSessionId()", () => {
  it.each([
    ["the id on https", "https://s.example/", `a=b; __Host-stowage=${ID}`, ID],
    ["the id on a plain local site", "http://localhost/", `stowage=${ID}`, ID],
    ["nothing from a cookie that other hosts can set", "https://s.example/", `stowage=${ID}`, null],
    ["nothing over a plain wire", "http://s.example/", `__Host-stowage=${ID}; stowage=${ID}`, null],
    ["nothing from another name", "https://s.example/", `x__Host-stowage=${ID}`, null],
    ["nothing from an empty value", "https://s.example/", "__Host-stowage=", null],
    ["nothing from a shorter value", "https://s.example/", `__Host-stowage=${ID.slice(1)}`, null],
    ["nothing from capitals", "https://s.example/", `__Host-stowage=${ID.toUpperCase()}`, null],
    ["nothing from junk", "https://s.example/", `__Host-stowage=${"' OR 1=1".repeat(8)}`, null],
  ])("reads %s", (_what, url, cookie, expected) => {
    expect(idIn(url, cookie)).toBe(expected);
  });
});
