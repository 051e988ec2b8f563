// Takes the few files of Swagger UI that a browser needs out of its npm package into public/swagger-ui/. The
// package is never installed: it depends on one that reports installations (docs/decisions/011).
// To upgrade: change VERSION, run this, and put the printed sums into test/conformance/vendored.test.ts.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ROOT } from "./project.mjs";

const VERSION = "5.35.0";
const FILES = [
  "swagger-ui-bundle.js",
  "swagger-ui.css",
  "swagger-ui-bundle.js.LICENSE.txt",
  "LICENSE",
  "NOTICE",
];

const folder = mkdtempSync(join(tmpdir(), "swagger-ui-"));
const target = join(ROOT, "public", "swagger-ui");
// npm holds the archive to the checksum that the registry gives for it.
execFileSync("npm", ["pack", `swagger-ui-dist@${VERSION}`, "--silent"], { cwd: folder });
execFileSync("tar", ["-xzf", `swagger-ui-dist-${VERSION}.tgz`], { cwd: folder });
mkdirSync(target, { recursive: true });
for (const name of FILES) {
  copyFileSync(join(folder, "package", name), join(target, name));
  const sum = createHash("sha256")
    .update(readFileSync(join(target, name)))
    .digest("hex");
  console.log(`${sum}  ${name}`);
}
rmSync(folder, { recursive: true });
