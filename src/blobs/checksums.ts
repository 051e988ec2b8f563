// The three checksums of a passing stream, with a state that can be saved and resumed: an upload object
// may be evicted between any two appends. All streams of the isolate share one WebAssembly instance
// (scripts/wasm/ makes it); a stream's state is swapped in for each update, which never awaits.

import checksumsModule from "./wasm/checksums.wasm";

/** First byte of a saved state. Changes with what follows it: states of another format then refuse to load. */
const STATE_FORMAT = 2;

/** Bytes of format and length, which begin a saved state. */
const SAVED_HEAD = 9;

/** What checksums.wasm exports. The functions move the state in its memory on, by blocks or bytes at an address. */
interface ChecksumExports {
  memory: WebAssembly.Memory;
  sha512(from: number, blocks: number): void;
  sha256(from: number, blocks: number): void;
  crc32(from: number, length: number): void;
  state: WebAssembly.Global;
  state_size: WebAssembly.Global;
  input: WebAssembly.Global;
  input_size: WebAssembly.Global;
}

// The cast's proof is the SHA-256 of the module, pinned in test/conformance/generated-wasm.test.ts.
const wasm = new WebAssembly.Instance(checksumsModule).exports as unknown as ChecksumExports;
const memory = new Uint8Array(wasm.memory.buffer);
const STATE = Number(wasm.state.value);
const STATE_SIZE = Number(wasm.state_size.value);
const INPUT = Number(wasm.input.value);
const INPUT_SIZE = Number(wasm.input_size.value);
const INITIAL = memory.slice(STATE, STATE + STATE_SIZE);

/** Where each has its part of the state, in words of so many bytes, the lowest first; a digest has the highest first. */
const DIGESTS = {
  sha512: { at: STATE, size: 64, word: 8 },
  sha256: { at: STATE + 64, size: 32, word: 4 },
  crc32: { at: STATE + 96, size: 4, word: 4 },
};

type Algorithm = keyof typeof DIGESTS;
const ALL = ["sha512", "sha256", "crc32"] as const;

/** Bytes that the two hashes take at a time: a block of SHA-512, two of SHA-256. */
const BLOCK = 128;

/** Moves the state in memory on by bytes at INPUT: the hashes by whole blocks, the CRC by what is behind `held`. */
const MOVE_ON: Record<Algorithm, (held: number, filled: number) => void> = {
  sha512: (_, filled) => wasm.sha512(INPUT, Math.floor(filled / BLOCK)),
  sha256: (_, filled) => wasm.sha256(INPUT, Math.floor(filled / BLOCK) * 2),
  crc32: (held, filled) => wasm.crc32(INPUT + held, filled - held),
};

/** One stream while another one may be in memory. */
class Stream {
  /** After the last whole block; of the CRC after the last byte. */
  readonly #state = INITIAL.slice();
  /** The bytes of a block that is not whole yet are the first of these. */
  readonly #rest = new Uint8Array(BLOCK);
  #length = 0;

  /** Moves those checksums on that are wanted; they are always the same ones of a stream. */
  update(bytes: Uint8Array, wanted: readonly Algorithm[]): void {
    let held = this.#swapIn();
    for (let read = 0; read < bytes.length;) {
      const piece = bytes.subarray(read, read + INPUT_SIZE - held);
      memory.set(piece, INPUT + held);
      const filled = held + piece.length;
      for (const algorithm of wanted) {
        MOVE_ON[algorithm](held, filled);
      }
      held = filled % BLOCK;
      memory.copyWithin(INPUT, INPUT + filled - held, INPUT + filled);
      read += piece.length;
    }
    this.#state.set(memory.subarray(STATE, STATE + STATE_SIZE));
    this.#rest.set(memory.subarray(INPUT, INPUT + held));
    this.#length += bytes.length;
  }

  digest(algorithm: Algorithm): Uint8Array {
    const held = this.#swapIn();
    if (algorithm === "sha512") {
      wasm.sha512(INPUT, this.#pad(held, 128) / 128);
    } else if (algorithm === "sha256") {
      wasm.sha256(INPUT, this.#pad(held, 64) / 64);
    }
    const { at, size, word } = DIGESTS[algorithm];
    return Uint8Array.from({ length: size }, (_, n) => memory[at + (n ^ (word - 1))] ?? 0);
  }

  save(): Uint8Array {
    const rest = this.#rest.subarray(0, this.#length % BLOCK);
    const saved = new Uint8Array(SAVED_HEAD + STATE_SIZE + rest.length);
    saved[0] = STATE_FORMAT;
    new DataView(saved.buffer).setBigUint64(1, BigInt(this.#length), true);
    saved.set(this.#state, SAVED_HEAD);
    saved.set(rest, SAVED_HEAD + STATE_SIZE);
    return saved;
  }

  load(saved: Uint8Array): void {
    if (saved[0] !== STATE_FORMAT) {
      throw new Error(`Cannot resume a hash state of format ${saved[0]}: this is ${STATE_FORMAT}`);
    }
    const head = new DataView(saved.buffer, saved.byteOffset, saved.length);
    const length = saved.length < SAVED_HEAD ? Number.NaN : Number(head.getBigUint64(1, true));
    const rest = saved.subarray(SAVED_HEAD + STATE_SIZE);
    if (
      !Number.isSafeInteger(length) ||
      saved.length !== SAVED_HEAD + STATE_SIZE + (length % BLOCK)
    ) {
      throw new Error(`Cannot resume a hash state of ${saved.length} bytes: its length is wrong`);
    }
    this.#state.set(saved.subarray(SAVED_HEAD, SAVED_HEAD + STATE_SIZE));
    this.#rest.set(rest);
    this.#length = length;
  }

  /** Puts state and rest into memory; gives the length of the latter. */
  #swapIn(): number {
    const held = this.#length % BLOCK;
    memory.set(this.#state, STATE);
    memory.set(this.#rest.subarray(0, held), INPUT);
    return held;
  }

  /** FIPS 180-4, 5.1: behind the message a one, zeros, and its length in bits, which is the last of a block. Of the 8 or
   * 16 bytes for that the first are zero: lengths are safe integers. Gives what whole blocks there are, in bytes. */
  #pad(held: number, block: number): number {
    const end = Math.ceil((held + 1 + block / 8) / block) * block;
    memory[INPUT + held] = 0x80;
    memory.fill(0, INPUT + held + 1, INPUT + end);
    new DataView(memory.buffer).setBigUint64(INPUT + end - 8, BigInt(this.#length) * 8n);
    return end;
  }
}

/** Lower-case hex. */
export interface Checksums {
  sha512: string;
  sha256: string;
  crc32: string;
}

/** The checksums of the bytes seen so far. */
export class RunningChecksums {
  readonly #stream = new Stream();

  /** Goes on from a state that `save` gave; throws when it is of another format, or none. */
  static load(saved: Uint8Array): RunningChecksums {
    const running = new RunningChecksums();
    running.#stream.load(saved);
    return running;
  }

  update(bytes: Uint8Array): void {
    this.#stream.update(bytes, ALL);
  }

  /** The state so far; holds up to 127 bytes of the content in the clear. */
  save(): Uint8Array {
    return this.#stream.save();
  }

  /** The checksums up to here; more bytes may follow. */
  digests(): Checksums {
    return {
      sha512: this.#stream.digest("sha512").toHex(),
      sha256: this.#stream.digest("sha256").toHex(),
      crc32: this.#stream.digest("crc32").toHex(),
    };
  }
}

/** One hash of a passing stream, without a state that could be saved. */
export class RunningDigest {
  readonly #stream = new Stream();
  readonly #algorithms: readonly [Algorithm];

  constructor(algorithm: Algorithm) {
    this.#algorithms = [algorithm];
  }

  update(bytes: Uint8Array): void {
    this.#stream.update(bytes, this.#algorithms);
  }

  digest(): Uint8Array {
    return this.#stream.digest(this.#algorithms[0]);
  }
}
