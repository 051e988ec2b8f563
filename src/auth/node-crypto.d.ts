// The functions of Node's that the Worker calls; @types/node and the Worker's own types disagree.
declare module "node:crypto" {
  export function scrypt(
    secret: string,
    salt: Uint8Array,
    keyLength: number,
    options: { N: number; r: number; p: number },
    callback: (error: Error | null, key: Uint8Array) => void,
  ): void;

  export interface Hash {
    update(bytes: Uint8Array): Hash;
    digest(encoding: "hex"): string;
    digest(): Uint8Array;
    copy(): Hash;
  }

  export function createHash(algorithm: string): Hash;
}
