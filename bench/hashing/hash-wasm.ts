// The same three checksums by hash-wasm's binaries, a module for each: the best that there is ready-made with a state
// that can be saved.

/** Bytes that the binaries take at a time (hash-wasm's MAX_HEAP). */
const HEAP = 16 * 1024;

interface HashExports {
  memory: WebAssembly.Memory;
  STATE_SIZE: WebAssembly.Global;
  Hash_GetBuffer(): number;
  Hash_Init(parameter: number): void;
  Hash_Update(length: number): void;
  Hash_Final(padding: number): void;
  Hash_GetState(): number;
}

/** One binary. */
class Engine {
  readonly #exports: HashExports;
  readonly #buffer: Uint8Array;
  readonly #state: Uint8Array;
  readonly initial: Uint8Array;

  constructor(module: WebAssembly.Module, parameter: number) {
    this.#exports = new WebAssembly.Instance(module).exports as unknown as HashExports;
    const { memory, STATE_SIZE } = this.#exports;
    const size = new DataView(memory.buffer).getUint32(Number(STATE_SIZE.value), true);
    this.#exports.Hash_Init(parameter);
    this.#buffer = new Uint8Array(memory.buffer, this.#exports.Hash_GetBuffer(), HEAP);
    this.#state = new Uint8Array(memory.buffer, this.#exports.Hash_GetState(), size);
    this.initial = this.#state.slice();
  }

  update(state: Uint8Array, bytes: Uint8Array): void {
    this.#state.set(state);
    for (let read = 0; read < bytes.length; read += HEAP) {
      const piece = bytes.subarray(read, read + HEAP);
      this.#buffer.set(piece);
      this.#exports.Hash_Update(piece.length);
    }
    state.set(this.#state);
  }

  digest(state: Uint8Array, length: number): string {
    this.#state.set(state);
    this.#exports.Hash_Final(0);
    return this.#buffer.slice(0, length).toHex();
  }
}

/** A checksum: its binary, what that is begun with, and the length of a digest. */
const ALGORITHMS = {
  sha512: { parameter: 512, length: 64 },
  sha256: { parameter: 256, length: 32 },
  crc32: { parameter: 0xedb8_8320, length: 4 },
};

/** Makes the checksums of `pieces` pieces. */
export async function hashWasm(piece: Uint8Array, pieces: number): Promise<string[]> {
  const running = await Promise.all(
    Object.entries(ALGORITHMS).map(async ([name, { parameter, length }]) => {
      const engine = new Engine(await load(name), parameter);
      return { engine, state: engine.initial.slice(), length };
    }),
  );
  for (let n = 0; n < pieces; n += 1) {
    for (const { engine, state } of running) {
      engine.update(state, piece);
    }
  }
  return running.map(({ engine, state, length }) => engine.digest(state, length));
}

/** The bench adds the binaries as modules of the built Worker: the package has them in no file of their own. */
async function load(name: string): Promise<WebAssembly.Module> {
  const path = `./hash-wasm-${name}.wasm`;
  const { default: module } = (await import(path)) as { default: WebAssembly.Module };
  return module;
}
