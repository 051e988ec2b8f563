import { describe, expect, it } from "vitest";

import { networkOf } from "../../../src/http/client-network.ts";

describe("networkOf() (T21)", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::7", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::", "fe80:0:0:0::/64"],
    ["::ffff:203.0.113.7", "::ffff:203.0.113.7"],
    ["", ""],
    ["no address", "no address"],
  ])("of %j is %j", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it("is the same for all addresses of one subscriber and another for the next", () => {
    const [one, other, next] = ["2001:db8:0:7::1", "2001:db8:0:7:ffff::", "2001:db8:0:8::1"];
    expect(networkOf(one)).toBe(networkOf(other));
    expect(networkOf(one)).not.toBe(networkOf(next));
  });
});
