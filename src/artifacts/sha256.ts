import { createHash } from "node:crypto";

/** The SHA-256 of bytes that come one after the other; more may follow a digest. */
export class RunningSha256 {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Uint8Array {
    return new Uint8Array(this.#hash.copy().digest());
  }
}
