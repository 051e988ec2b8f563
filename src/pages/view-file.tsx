import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { openBlob } from "../blobs/reader.ts";
import { REQUEST } from "../budget/budget.ts";
import { WORK } from "../budget/shares.ts";
import type { StoredFile } from "../catalog/files.ts";
import { pageCaching } from "../http/caching.ts";
import { viewedAs } from "../http/media-types.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { isPublic } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";
import { renderLines } from "./code-lines.ts";
import { FilePage } from "./file-page.tsx";
import type { Viewed } from "./file-page.tsx";
import { revealHiddenInLines } from "./format.ts";
import { frameOf } from "./frame.ts";
import { languageOf, loadLanguages } from "./languages.ts";
import { renderPage } from "./layout.tsx";
import { lastSegment } from "./names.tsx";

/** The page about a file: its text or picture where it has one, and what is known of it. */
export function viewFile(
  c: Context<AppEnv>,
  artifact: Browsed,
  file: StoredFile,
): Promise<Response> {
  const isText = viewedAs(lastSegment(file.path)) === "text";
  const held = isText ? LIMITS.viewHeld * Math.min(file.size, LIMITS.viewedBytes) : 0;
  return WORK.run(held, REQUEST, () => showFile(c, artifact, file));
}

async function showFile(
  c: Context<AppEnv>,
  artifact: Browsed,
  file: StoredFile,
): Promise<Response> {
  const { version } = artifact;
  const props = {
    artifact: { ...artifact, listed: artifact.public || !artifact.shared },
    version: { ...version, pinned: c.req.query("version") !== undefined },
    file,
    viewed: await readViewed(c.env, file),
  };
  c.header("Cache-Control", pageCaching(isPublic(artifact)));
  return c.html(renderPage(<FilePage {...props} />, frameOf(c)));
}

async function readViewed(
  { BUCKET: bucket, ASSETS: assets }: Env,
  file: StoredFile,
): Promise<Viewed> {
  const name = lastSegment(file.path);
  const kind = viewedAs(name);
  if (kind !== "text") {
    return { kind };
  }
  const size = Math.min(file.size, LIMITS.viewedBytes);
  const bytes =
    size === 0
      ? new ArrayBuffer(0)
      : await new Response(await openBlob(bucket, file.extents, size)).arrayBuffer();
  // In the middle of a character the rest of it waits for bytes that do not come.
  const text = new TextDecoder().decode(bytes, { stream: size < file.size });
  if (text.includes("\u0000")) {
    return { kind: "nothing" };
  }
  const language = languageOf(await loadLanguages(assets), name);
  const pace = new Pace();
  const revealed = await revealHiddenInLines(text, pace);
  const lines = await renderLines(language, revealed, LIMITS.viewedLines, pace);
  return { kind, ...lines, isWhole: lines.isWhole && size === file.size };
}
