// `npm run openapi`: writes public/openapi.json from src/openapi, a line for each path. Run after a change there or of
// the requests and limits that it tells of; a test fails until then.
import { writeFileSync } from "node:fs";

import { buildDocument } from "../src/openapi/document.ts";

const { paths, ...rest } = buildDocument();
const lines = Object.entries(paths).map(
  ([path, operations]) => `${JSON.stringify(path)}:${JSON.stringify(operations)}`,
);
const head = JSON.stringify(rest).slice(0, -1);
const text = `${head},"paths":{\n${lines.join(",\n")}\n}}\n`;
writeFileSync(new URL("../public/openapi.json", import.meta.url), text);
