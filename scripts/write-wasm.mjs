// `npm run wasm`: writes src/blobs/wasm/checksums.wasm, which the Worker imports as a module (workerd compiles no
// WebAssembly from bytes at request time). Run after a change in scripts/wasm/, and put the printed sum into
// test/conformance/generated-wasm.test.ts. Raise STATE_FORMAT in src/blobs/checksums.ts when the state changes.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";

import { makeChecksums } from "./wasm/checksums.mjs";

const bytes = makeChecksums();
writeFileSync(new URL("../src/blobs/wasm/checksums.wasm", import.meta.url), bytes);
console.log(
  `${createHash("sha256").update(bytes).digest("hex")}  checksums.wasm, ${bytes.length} bytes`,
);
