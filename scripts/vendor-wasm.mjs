// Takes the three hash binaries out of the hash-wasm package into src/blobs/wasm/, where the Worker
// imports them as modules (workerd compiles no WebAssembly from bytes at request time).
// Run after an upgrade of hash-wasm, and raise STATE_FORMAT in src/blobs/checksums.ts when one changed.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

for (const name of ["sha512", "sha256", "crc32"]) {
  const bundle = readFileSync(
    new URL(`../node_modules/hash-wasm/dist/${name}.umd.min.js`, import.meta.url),
    "utf8",
  );
  const encoded = /data:"([A-Za-z0-9+/=]+)"/u.exec(bundle)?.[1];
  if (encoded === undefined) {
    throw new Error(`Cannot find the binary of ${name} in hash-wasm`);
  }
  const binary = Buffer.from(encoded, "base64");
  writeFileSync(new URL(`../src/blobs/wasm/${name}.wasm`, import.meta.url), binary);
  console.log(`${createHash("sha256").update(binary).digest("hex")}  ${name}.wasm`);
}
