// The one function of Node's that the Worker calls; @types/node and the Worker's own types disagree.
declare module "node:crypto" {
  export function scrypt(
    secret: string,
    salt: Uint8Array,
    keyLength: number,
    options: { N: number; r: number; p: number },
    callback: (error: Error | null, key: Uint8Array) => void,
  ): void;
}
