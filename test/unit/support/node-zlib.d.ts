// The runtime's zlib, which tests hold our own inflater and checksum against.
declare module "node:zlib" {
  interface Options {
    level?: number;
    strategy?: number;
    memLevel?: number;
  }
  export function deflateRawSync(data: Uint8Array, options?: Options): Uint8Array<ArrayBuffer>;
  export function inflateRawSync(data: Uint8Array): Uint8Array<ArrayBuffer>;
  export function crc32(data: Uint8Array, from?: number): number;
  export function gzipSync(data: Uint8Array | string): Uint8Array<ArrayBuffer>;
}
