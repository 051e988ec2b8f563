import { describe, expect, it } from "vitest";

import { RunningChecksums, RunningDigest } from "../../../src/blobs/checksums.ts";

const abc = new TextEncoder().encode("abc");
const SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async function nativeDigest(algorithm: string, bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest(algorithm, bytes)).toHex();
}

describe("RunningChecksums", () => {
  it("gives the published values for 'abc' and for nothing", () => {
    const running = new RunningChecksums();
    expect(running.digests()).toEqual({
      sha512:
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
      sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      crc32: "00000000",
    });
    running.update(abc);
    expect(running.digests()).toMatchObject({ sha256: SHA256_OF_ABC, crc32: "352441c2" });
  });

  it("agrees with WebCrypto when saved and resumed at every kind of length", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    let running = new RunningChecksums();
    let position = 0;
    for (const step of [1, 63, 64, 65, 127, 128, 129, 16_383, 16_384, 20_001, 60_000]) {
      running.update(bytes.subarray(position, position + step));
      position = Math.min(position + step, bytes.length);
      running = RunningChecksums.load(running.save());
      const seen = bytes.subarray(0, position);
      const { sha512, sha256 } = running.digests();
      expect(sha512).toBe(await nativeDigest("SHA-512", seen));
      expect(sha256).toBe(await nativeDigest("SHA-256", seen));
    }
  });

  it("keeps two streams apart that take turns", () => {
    const [one, two] = [new RunningChecksums(), new RunningChecksums()];
    one.update(abc.subarray(0, 1));
    two.update(abc.subarray(0, 2));
    one.update(abc.subarray(1));
    two.update(abc.subarray(2));
    expect(one.digests()).toEqual(two.digests());
    expect(one.digests().sha256).toBe(SHA256_OF_ABC);
  });

  it("refuses a state of another format", () => {
    const saved = new RunningChecksums().save();
    saved[0] = 99;
    expect(() => RunningChecksums.load(saved)).toThrow("format 99");
    expect(() => RunningChecksums.load(new Uint8Array(4))).toThrow("Cannot resume");
  });
});

describe("RunningDigest", () => {
  it("gives the sha-256 of what it saw", () => {
    const digest = new RunningDigest("sha256");
    digest.update(abc);
    expect(digest.digest().toHex()).toBe(SHA256_OF_ABC);
  });
});
