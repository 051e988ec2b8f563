import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { payerOf, readingOf } from "../auth/author.ts";
import type { Reading } from "../blobs/open-slice.ts";
import { openBlob } from "../blobs/reader.ts";
import { REQUEST } from "../budget/budget.ts";
import { VIEWS } from "../budget/shares.ts";
import { pageCaching } from "../http/caching.ts";
import { charsetOf } from "../http/charset.ts";
import type { Charset } from "../http/charset.ts";
import { viewedAs } from "../http/media-types.ts";
import { bodyOfUnknownLength } from "../http/stream-bytes.ts";
import type { StoredFile } from "../protocol/entries.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { isPublic } from "./browsed.ts";
import type { Browsed } from "./browsed.ts";
import { countLines, renderLines } from "./code-lines.ts";
import { FilePage, LINES_HERE } from "./file-page.tsx";
import type { Viewed } from "./file-page.tsx";
import { revealHiddenInLines } from "./format.ts";
import { frameOf } from "./frame.ts";
import { highlight } from "./highlight.ts";
import type { Run } from "./highlight.ts";
import { languageOf, loadLanguages } from "./languages.ts";
import type { Language } from "./languages.ts";
import { renderPage } from "./layout.tsx";
import { lastSegment } from "./names.tsx";

/** Thrown when a client takes too little of a page, whose memory others wait for. */
class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** The page about a file: its text or picture where it has one, and what is known of it. */
export async function viewFile(
  c: Context<AppEnv>,
  artifact: Browsed,
  file: StoredFile,
): Promise<Response> {
  const kind = viewedAs(lastSegment(file.path));
  c.header("Cache-Control", pageCaching(isPublic(artifact)));
  if (kind !== "text") {
    return c.html(renderFile(c, artifact, file, { kind }));
  }
  const lease = VIEWS.open(heldBy(file), REQUEST, payerOf(c));
  const free = () => VIEWS.end(lease);
  try {
    await VIEWS.grow(lease, lease.claim);
    return await viewText(c, artifact, file, free);
  } catch (error) {
    free();
    throw error;
  }
}

/** Bytes of memory that the text of a file takes while it is sent as a page: it is there once, and twice more as
 * characters when it is highlighted. */
function heldBy({ size }: StoredFile): number {
  const times = size <= LIMITS.highlightedLength ? 5 : 1;
  return times * Math.min(size, LIMITS.viewedBytes) + LIMITS.viewHeld;
}

function renderFile(
  c: Context<AppEnv>,
  artifact: Browsed,
  file: StoredFile,
  viewed: Viewed,
): string {
  const { version } = artifact;
  const props = {
    artifact: { ...artifact, listed: artifact.public || !artifact.shared },
    version: { ...version, pinned: c.req.query("version") !== undefined },
    file,
    viewed,
  };
  return renderPage(<FilePage {...props} />, frameOf(c));
}

/** Calls `free` when the page is sent, or given up; not when it throws. */
async function viewText(
  c: Context<AppEnv>,
  artifact: Browsed,
  file: StoredFile,
  free: () => void,
): Promise<Response> {
  const size = Math.min(file.size, LIMITS.viewedBytes);
  const bytes = size === 0 ? new Uint8Array() : await readStart(readingOf(c), file, size);
  const charset = charsetOf(bytes);
  if (charset === "utf-8" && bytes.includes(0)) {
    free();
    return c.html(renderFile(c, artifact, file, { kind: "nothing" }));
  }
  const pace = new Pace();
  const isAll = size === file.size;
  const lines = await countLines(revealedOf({ bytes, charset, isAll }, pace), LIMITS.viewedLines);
  const viewed = { kind: "text" as const, ...lines, isWhole: lines.isWhole && isAll };
  const page = renderFile(c, artifact, file, viewed);
  const [before = "", after = null] = page.split(LINES_HERE);
  if (after === null || c.req.method === "HEAD") {
    free();
    return c.html(page);
  }
  const isShort = size <= LIMITS.highlightedLength;
  const language = isShort
    ? languageOf(await loadLanguages(c.env.ASSETS), lastSegment(file.path))
    : null;
  const runs = runsOf(language, revealedOf({ bytes, charset, isAll }, pace));
  const html = renderLines(runs, LIMITS.viewedLines, pace);
  const body = bodyOfUnknownLength((to) => sendPage(to, before, html, after).finally(free));
  return c.body(body, 200, { "Content-Type": "text/html; charset=UTF-8" });
}

async function readStart(reading: Reading, file: StoredFile, size: number): Promise<Uint8Array> {
  const body = openBlob(reading, file, size);
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** The text of a file, as far as it is shown. */
interface Shown {
  bytes: Uint8Array;
  charset: Charset;
  isAll: boolean;
}

function revealedOf(shown: Shown, pace: Pace): AsyncGenerator<string> {
  return revealHiddenInLines(decodePieces(shown), pace);
}

/** @yields The characters of bytes that may end in the middle of one, unless they are all. */
function* decodePieces({ bytes, charset, isAll }: Shown): Generator<string> {
  const decoder = new TextDecoder(charset);
  for (let at = 0; at < bytes.length; at += LIMITS.viewedPiece) {
    yield decoder.decode(bytes.subarray(at, at + LIMITS.viewedPiece), { stream: true });
  }
  if (isAll) {
    yield decoder.decode();
  }
}

/** @yields The runs of a text: a language needs all of it at once, up to where it is too long to be highlighted. */
async function* runsOf(
  language: Language | null,
  texts: AsyncIterable<string>,
): AsyncGenerator<Iterable<Run>> {
  let [whole, isShort] = ["", language !== null];
  for await (const text of texts) {
    whole += text;
    isShort &&= whole.length <= LIMITS.highlightedLength;
    if (!isShort) {
      yield highlight(null, whole);
      whole = "";
    }
  }
  yield highlight(language, whole);
}

/** Writes a page around what comes of its lines. Whoever takes nothing of it is given up when others wait. */
async function sendPage(
  to: WritableStream<Uint8Array>,
  before: string,
  lines: AsyncIterable<string>,
  after: string,
): Promise<void> {
  const encoder = new TextEncoder();
  const writer = to.getWriter();
  try {
    await writer.write(encoder.encode(before));
    for await (const html of lines) {
      await whileWanted(writer.write(encoder.encode(html)));
    }
    await whileWanted(writer.write(encoder.encode(after)));
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

async function whileWanted(taken: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const begun = Date.now();
  const timer = setInterval(() => {
    if (VIEWS.isContested && Date.now() - begun >= LIMITS.viewerIdleContested) {
      late.reject(new TooSlow("The client takes too little of a page"));
    }
  }, LIMITS.viewerIdleContested / 2);
  try {
    await Promise.race([taken, late.promise]);
  } finally {
    clearInterval(timer);
  }
}
