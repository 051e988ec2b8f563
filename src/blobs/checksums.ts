// The three checksums of a passing stream, with a state that can be saved and resumed: an upload object
// may be evicted between any two appends. The hashing is hash-wasm's, one WebAssembly instance of each for
// the whole isolate; a stream's state is swapped in for each update, which never awaits.

import crc32Module from "./wasm/crc32.wasm";
import sha256Module from "./wasm/sha256.wasm";
import sha512Module from "./wasm/sha512.wasm";

/** First byte of a saved state. Changes when a binary in wasm/ does: old states then refuse to load. */
const STATE_FORMAT = 1;

/** Bytes that the binaries take at a time (hash-wasm's MAX_HEAP). */
const HEAP = 16 * 1024;

/** What hash-wasm's binaries export. */
interface HashExports {
  memory: WebAssembly.Memory;
  STATE_SIZE: WebAssembly.Global;
  Hash_GetBuffer(): number;
  Hash_Init(parameter: number): void;
  Hash_Update(length: number): void;
  Hash_Final(padding: number): void;
  Hash_GetState(): number;
}

class Engine {
  readonly #exports: HashExports;
  readonly #buffer: Uint8Array;
  readonly #state: Uint8Array;
  readonly initial: Uint8Array;
  readonly digestSize: number;

  constructor(module: WebAssembly.Module, parameter: number, digestSize: number) {
    // The cast's proof is the SHA-256 of each binary, pinned in test/conformance/vendored.test.ts.
    this.#exports = new WebAssembly.Instance(module).exports as unknown as HashExports;
    const { memory, STATE_SIZE } = this.#exports;
    const stateSize = new DataView(memory.buffer).getUint32(Number(STATE_SIZE.value), true);
    this.#exports.Hash_Init(parameter);
    this.#buffer = new Uint8Array(memory.buffer, this.#exports.Hash_GetBuffer(), HEAP);
    this.#state = new Uint8Array(memory.buffer, this.#exports.Hash_GetState(), stateSize);
    this.initial = this.#state.slice();
    this.digestSize = digestSize;
  }

  /** Moves `state` on by `bytes`, in place. */
  update(state: Uint8Array, bytes: Uint8Array): void {
    this.#state.set(state);
    for (let read = 0; read < bytes.length; read += HEAP) {
      const piece = bytes.subarray(read, read + HEAP);
      this.#buffer.set(piece);
      this.#exports.Hash_Update(piece.length);
    }
    state.set(this.#state);
  }

  digest(state: Uint8Array): Uint8Array {
    this.#state.set(state);
    this.#exports.Hash_Final(0);
    return this.#buffer.slice(0, this.digestSize);
  }
}

const sha512 = new Engine(sha512Module, 512, 64);
const sha256 = new Engine(sha256Module, 256, 32);
const crc32 = new Engine(crc32Module, 0xedb88320, 4);
const engines = { sha512, sha256, crc32 };

/** Lower-case hex. */
export interface Checksums {
  sha512: string;
  sha256: string;
  crc32: string;
}

/** The checksums of the bytes seen so far. */
export class RunningChecksums {
  readonly #states = {
    sha512: sha512.initial.slice(),
    sha256: sha256.initial.slice(),
    crc32: crc32.initial.slice(),
  };

  /** Goes on from a state that `save` gave; throws when other binaries made it. */
  static load(saved: Uint8Array): RunningChecksums {
    const running = new RunningChecksums();
    const states = Object.values(running.#states);
    const size = states.reduce((sum, state) => sum + state.length, 1);
    if (saved[0] !== STATE_FORMAT || saved.length !== size) {
      throw new Error(`Cannot resume a hash state of format ${saved[0]}: this is ${STATE_FORMAT}`);
    }
    let position = 1;
    for (const state of states) {
      state.set(saved.subarray(position, position + state.length));
      position += state.length;
    }
    return running;
  }

  update(bytes: Uint8Array): void {
    sha512.update(this.#states.sha512, bytes);
    sha256.update(this.#states.sha256, bytes);
    crc32.update(this.#states.crc32, bytes);
  }

  /** The state so far; holds up to 128 bytes of the content in the clear. */
  save(): Uint8Array {
    const states = Object.values(this.#states);
    const saved = new Uint8Array(states.reduce((sum, state) => sum + state.length, 1));
    saved[0] = STATE_FORMAT;
    let position = 1;
    for (const state of states) {
      saved.set(state, position);
      position += state.length;
    }
    return saved;
  }

  /** The checksums up to here; more bytes may follow. */
  digests(): Checksums {
    return {
      sha512: sha512.digest(this.#states.sha512).toHex(),
      sha256: sha256.digest(this.#states.sha256).toHex(),
      crc32: crc32.digest(this.#states.crc32).toHex(),
    };
  }
}

/** One hash of a passing stream, without a state that could be saved. */
export class RunningDigest {
  readonly #engine: Engine;
  readonly #state: Uint8Array;

  constructor(algorithm: keyof typeof engines) {
    this.#engine = engines[algorithm];
    this.#state = this.#engine.initial.slice();
  }

  update(bytes: Uint8Array): void {
    this.#engine.update(this.#state, bytes);
  }

  digest(): Uint8Array {
    return this.#engine.digest(this.#state);
  }
}
