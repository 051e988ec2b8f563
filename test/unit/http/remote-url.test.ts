import { describe, expect, it } from "vitest";

import { checkRemoteUrl, nextHop, remoteName } from "../../../src/http/remote-url.ts";

function codeOf(text: string, allowPrivate = false, hosts: string[] | null = null): string {
  const checked = checkRemoteUrl(text, { allowPrivate, hosts });
  return checked.ok ? "ok" : checked.code;
}

describe("checkRemoteUrl() (T35)", () => {
  it.each([
    "http://example.org/a",
    "https://example.org:8443/a?b=c#d",
    "http://8.8.8.8/",
    "http://100.63.255.255/",
    "http://172.32.0.1/",
    "http://[2606:4700::1111]/",
    "http://[2001:200::1]/",
    "http://local.example/",
  ])("takes %s", (text) => {
    expect(codeOf(text)).toBe("ok");
  });

  it.each([
    "",
    "example.org/a",
    "/a",
    "ftp://example.org/",
    "file:///etc/passwd",
    "data:,x",
    "http://user@example.org/",
    "http://:secret@example.org/",
    "http://",
    "http://1.2.3.4.5/",
    `http://example.org/${"x".repeat(4_096)}`,
  ])("refuses %s, private or not", (text) => {
    expect([codeOf(text), codeOf(text, true)]).toEqual(["fetch_url_invalid", "fetch_url_invalid"]);
  });

  it.each([
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://printer.local/",
    "http://localhost.localdomain/",
    "http://nas.lan/",
    "http://ldap.corp/",
    "http://relay.mail/",
    "http://hidden.onion/",
    "http://nas.home/",
    "http://router.home.arpa/",
    "http://1.0.0.127.in-addr.arpa/",
    "http://api.svc/",
    "http://example.org./",
    "http://nas.lan./",
    "http://8.8.8.8.nip.internal./",
    "http://metadata.google.internal/",
    "http://intranet/",
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://127.0.0.1./",
    "http://１２７.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://0/",
    "http://10.255.0.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://169.254.169.254/latest/meta-data/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.0.0.8/",
    "http://192.0.2.1/",
    "http://192.168.0.1/",
    "http://198.19.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:10.0.0.1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[100::1]/",
    "http://[2001::1]/",
    "http://[2001:db8::1]/",
    "http://[2002:7f00:1::]/",
    "http://[3fff:fff::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
  ])("refuses %s unless private addresses are allowed", (text) => {
    expect([codeOf(text), codeOf(text, true)]).toEqual(["fetch_url_forbidden", "ok"]);
  });
});

describe("checkRemoteUrl() with a list of hosts (T35)", () => {
  const hosts = ["example.org", "*.debian.org", "10.0.0.7"];

  it.each(["http://example.org/a", "https://EXAMPLE.org:8443/", "http://deb.debian.org/"])(
    "takes %s",
    (text) => {
      expect(codeOf(text, false, hosts)).toBe("ok");
    },
  );

  it.each([
    "http://example.com/",
    "http://www.example.org/",
    "http://example.org.example.com/",
    "http://debian.org/",
    "http://evildebian.org/",
    "http://8.8.8.8/",
  ])("refuses %s", (text) => {
    expect(codeOf(text, false, hosts)).toBe("fetch_host_unlisted");
  });

  it("does not lift the rule about private addresses", () => {
    expect(codeOf("http://10.0.0.7/", false, hosts)).toBe("fetch_url_forbidden");
    expect(codeOf("http://10.0.0.7/", true, hosts)).toBe("ok");
  });
});

describe("nextHop()", () => {
  const from = new URL("https://example.org/a/b");
  const hop = (status: number, location: string | null, allowPrivate = false) => {
    const headers = new Headers(location === null ? {} : { Location: location });
    return nextHop({ status, headers }, from, { allowPrivate, hosts: null });
  };

  it.each([301, 302, 303, 307, 308])("follows %i to a place relative to the last", (status) => {
    expect(hop(status, "../c")).toMatchObject({ ok: true, url: { href: "https://example.org/c" } });
  });

  it.each([
    [200, "/c"],
    [304, "/c"],
    [302, null],
  ])("does not follow %i to %s", (status, location) => {
    expect(hop(status, location)).toBeNull();
  });

  it.each(["http://127.0.0.1:9/", "//[::1]/", "//localhost/x", "http://0x7f.1/"])(
    "refuses to go from a public address to %s unless that is allowed",
    (location) => {
      expect(hop(302, location)).toMatchObject({ ok: false, code: "fetch_url_forbidden" });
      expect(hop(302, location, true)).toMatchObject({ ok: true });
    },
  );

  it.each(["file:///etc/passwd", "http://a:b@example.org/", "http://"])(
    "refuses to go to %s",
    (location) => {
      expect(hop(302, location, true)).toMatchObject({ ok: false, code: "fetch_url_invalid" });
    },
  );
});

describe("remoteName()", () => {
  it.each([
    ["http://example.org/a/disk.img?x=y", "disk.img"],
    ["http://example.org/a%20b", "a b"],
    ["http://example.org/%ce", "%ce"],
    ["http://example.org/", "example.org"],
    ["http://example.org/a/", "example.org"],
  ])("names %s '%s'", (text, name) => {
    expect(remoteName(new URL(text))).toBe(name);
  });
});
