// The runtime's zlib, which tests hold our own inflater against.
declare module "node:zlib" {
  interface Options {
    level?: number;
    strategy?: number;
    memLevel?: number;
  }
  export function deflateRawSync(data: Uint8Array, options?: Options): Uint8Array<ArrayBuffer>;
  export function inflateRawSync(data: Uint8Array): Uint8Array<ArrayBuffer>;
  export function gzipSync(data: Uint8Array | string): Uint8Array<ArrayBuffer>;
}
