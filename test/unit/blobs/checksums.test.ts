// Runs in workerd and, as the project "engine", in Node: two engines make the same of the module.

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { describe, expect, it } from "vitest";

import { RunningChecksums, RunningDigest } from "../../../src/blobs/checksums.ts";
import type { Checksums } from "../../../src/blobs/checksums.ts";
import { bytes } from "../support/bytes.ts";

const KiB = 1024;
/** What the module takes at a time. */
const INPUT = 64 * KiB;
/** Lengths of it and around it, and of some of them. */
const LONG = [INPUT - 129, INPUT - 1, INPUT, INPUT + 1, INPUT + 128, 3 * INPUT + 77];

const MESSAGE = bytes(4 * INPUT);

/** The same from the engine's own hashes. */
function nativeChecksums(message: Uint8Array): Checksums {
  return {
    sha512: createHash("sha512").update(message).digest("hex"),
    sha256: createHash("sha256").update(message).digest("hex"),
    crc32: crc32(message).toString(16).padStart(8, "0"),
  };
}

function checksumsOf(...pieces: Uint8Array[]): Checksums {
  const running = new RunningChecksums();
  for (const piece of pieces) {
    running.update(piece);
  }
  return running.digests();
}

const resumed = (running: RunningChecksums) => RunningChecksums.load(running.save());

describe("RunningChecksums", () => {
  it("gives the published values for 'abc' and for nothing", () => {
    expect(checksumsOf()).toEqual({
      sha512:
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
      sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      crc32: "00000000",
    });
    expect(checksumsOf(new TextEncoder().encode("abc"))).toEqual({
      sha512:
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      crc32: "352441c2",
    });
  });

  it("agrees with the engine's own hashes at every length up to 600", () => {
    for (let length = 0; length <= 600; length += 1) {
      const message = MESSAGE.subarray(0, length);
      expect(checksumsOf(message), `${length} bytes`).toEqual(nativeChecksums(message));
    }
  });

  it("agrees on messages longer than it takes at a time, wherever they begin in a block", () => {
    for (const length of LONG) {
      for (const begun of [0, 1, 63, 64, 127]) {
        const message = MESSAGE.subarray(0, begun + length);
        const pieces = [message.subarray(0, begun), message.subarray(begun)];
        expect(checksumsOf(...pieces), `${begun} + ${length}`).toEqual(nativeChecksums(message));
      }
    }
  });

  it("agrees on bytes of nothing but zeros and ones", () => {
    for (const byte of [0x00, 0xff]) {
      const message = new Uint8Array(5000).fill(byte);
      expect(checksumsOf(message)).toEqual(nativeChecksums(message));
    }
  });

  it("gives the same wherever a message of 515 bytes is split, resumed there or not", () => {
    const message = MESSAGE.subarray(7, 7 + 515);
    const expected = nativeChecksums(message);
    for (let split = 0; split <= message.length; split += 1) {
      const pieces = [message.subarray(0, split), message.subarray(split)] as const;
      expect(checksumsOf(...pieces), `split at ${split}`).toEqual(expected);
      const running = new RunningChecksums();
      running.update(pieces[0]);
      const second = resumed(running);
      second.update(pieces[1]);
      expect(second.digests(), `resumed at ${split}`).toEqual(expected);
    }
  });

  it("goes on from a state that was saved at any byte, which stays as it was", () => {
    let running = new RunningChecksums();
    for (let length = 1; length <= 600; length += 1) {
      const saved = running.save();
      running.update(MESSAGE.subarray(length - 1, length));
      const again = RunningChecksums.load(saved);
      expect(again.save()).toEqual(saved);
      again.update(MESSAGE.subarray(length - 1, length));
      expect(again.digests(), `${length} bytes`).toEqual(
        nativeChecksums(MESSAGE.subarray(0, length)),
      );
      running = again;
    }
  });

  it("tells what came so far without disturbing what comes", () => {
    const running = new RunningChecksums();
    for (let end = 0; end <= 1300; end += 13) {
      running.update(MESSAGE.subarray(Math.max(0, end - 13), end));
      expect(running.digests()).toEqual(nativeChecksums(MESSAGE.subarray(0, end)));
    }
  });

  it("keeps many streams apart that take turns, with digests of one kind among them", () => {
    const streams = Array.from({ length: 12 }, (_, n) => ({
      message: bytes(3 * INPUT, n + 1),
      running: new RunningChecksums(),
      sha256: new RunningDigest("sha256"),
      crc: new RunningDigest("crc32"),
      at: 0,
    }));
    for (let turn = 0; turn < 600; turn += 1) {
      const stream = streams[(turn * 5) % streams.length];
      if (stream === undefined) {
        continue;
      }
      const length = (turn * turn * 31 + turn) % 5000;
      const piece = stream.message.subarray(stream.at, stream.at + length);
      stream.running.update(piece);
      stream.sha256.update(piece);
      stream.crc.update(piece);
      stream.running = turn % 3 === 0 ? resumed(stream.running) : stream.running;
      stream.at += piece.length;
    }
    for (const { message, running, sha256, crc, at } of streams) {
      const expected = nativeChecksums(message.subarray(0, at));
      expect(at).toBeGreaterThan(KiB);
      expect(running.digests()).toEqual(expected);
      expect(sha256.digest().toHex()).toBe(expected.sha256);
      expect(crc.digest().toHex()).toBe(expected.crc32);
    }
  });
});

/** A saved state as docs/storage.md has it. */
const FORMAT = 2;
const LENGTH = 1;
const STATE = 9;
const REST = 109;
const BLOCK = 128;

/** The state `begun` as if so many bytes had come, of which the last that fill no block are known. */
function stateAt(length: number, begun: Uint8Array, rest: Uint8Array): Uint8Array {
  const saved = new Uint8Array(REST + rest.length);
  saved.set(begun.subarray(0, REST));
  new DataView(saved.buffer).setBigUint64(LENGTH, BigInt(length), true);
  saved.set(rest, REST);
  return saved;
}

describe("a saved state", () => {
  const begun = new RunningChecksums();
  begun.update(MESSAGE.subarray(0, 4 * BLOCK));

  it.each([2 ** 29, 2 ** 31, 2 ** 32, 2 ** 35, 2 ** 42, 2 ** 53 - BLOCK])(
    "counts %d bytes and 100 more, by the length that both hashes end with",
    (whole) => {
      const rest = MESSAGE.subarray(0, 100);
      const running = RunningChecksums.load(stateAt(whole + rest.length, begun.save(), rest));
      // FIPS 180-4, 5.1: with 100 bytes the end is one block of SHA-512 and two of SHA-256, the same bytes.
      const end = new Uint8Array(BLOCK);
      end.set(rest);
      end[rest.length] = 0x80;
      new DataView(end.buffer).setBigUint64(BLOCK - 8, BigInt(whole + rest.length) * 8n);
      const ended = resumed(begun);
      ended.update(end);
      const words = new DataView(ended.save().buffer, STATE);
      const sha512 = [0, 8, 16, 24, 32, 40, 48, 56].map((at) => words.getBigUint64(at, true));
      const sha256 = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => words.getUint32(64 + at, true));
      expect(running.digests()).toMatchObject({
        sha512: sha512.map((word) => word.toString(16).padStart(16, "0")).join(""),
        sha256: sha256.map((word) => word.toString(16).padStart(8, "0")).join(""),
      });
    },
  );

  it.each([2 ** 31, 2 ** 32, 2 ** 53 - 2 * BLOCK])("counts on across %d bytes", (boundary) => {
    const running = RunningChecksums.load(
      stateAt(boundary - BLOCK, begun.save(), new Uint8Array()),
    );
    running.update(MESSAGE.subarray(0, BLOCK - 1));
    running.update(MESSAGE.subarray(0, 3));
    const saved = running.save();
    expect(new DataView(saved.buffer).getBigUint64(LENGTH, true)).toBe(BigInt(boundary) + 2n);
    expect(saved.length).toBe(REST + 2);
    expect(resumed(running).digests()).toEqual(running.digests());
  });

  it("holds less than a block of the content", () => {
    for (const length of [0, 1, 127, 128, 129, 1000]) {
      const running = new RunningChecksums();
      running.update(MESSAGE.subarray(0, length));
      const saved = running.save();
      expect(saved[0]).toBe(FORMAT);
      expect(saved.subarray(REST)).toEqual(MESSAGE.subarray(length - (length % BLOCK), length));
    }
  });

  it("is refused in another format, be it the one before or none", () => {
    const before = new Uint8Array(325).with(0, 1);
    expect(() => RunningChecksums.load(before)).toThrow(
      "Cannot resume a hash state of format 1: this is 2",
    );
    expect(() => RunningChecksums.load(begun.save().with(0, 1))).toThrow("format 1: this is 2");
    expect(() => RunningChecksums.load(begun.save().with(0, 99))).toThrow("format 99");
    expect(() => RunningChecksums.load(new Uint8Array())).toThrow("Cannot resume");
  });

  it("is refused when its length is not right", () => {
    const saved = new RunningChecksums().save();
    const cut = [1, 8, 9, REST - 1].map((length) => saved.subarray(0, length));
    const wrong = [
      ...cut,
      Uint8Array.of(...saved, 0),
      saved.with(LENGTH, 1),
      stateAt(2 ** 53, saved, new Uint8Array()),
      saved.with(LENGTH + 7, 0x80),
    ];
    for (const state of wrong) {
      expect(() => RunningChecksums.load(state)).toThrow("its length is wrong");
    }
  });
});

describe("RunningDigest", () => {
  it.each(["sha512", "sha256", "crc32"] as const)("gives the %s of what it saw", (algorithm) => {
    for (const length of [0, 3, 55, 56, 119, 120, 128, 1000, ...LONG]) {
      const digest = new RunningDigest(algorithm);
      digest.update(MESSAGE.subarray(0, length - (length % 3)));
      digest.update(MESSAGE.subarray(length - (length % 3), length));
      const expected = nativeChecksums(MESSAGE.subarray(0, length))[algorithm];
      expect(digest.digest().toHex(), `${length} bytes`).toBe(expected);
    }
  });
});
