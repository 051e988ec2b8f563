// How a file of a user may be shown. Only inert types are shown inline; whatever a browser could run
// (HTML, SVG, XML, scripts, style sheets) or does not know is a download of anonymous bytes.

import type { Charset } from "./charset.ts";
import type { Disposition } from "./disposition.ts";

/** The Content-Type of a file and whether a browser may show it. */
export interface ServedAs {
  contentType: string;
  disposition: Disposition;
}

const DOWNLOAD: ServedAs = { contentType: "application/octet-stream", disposition: "attachment" };
const TEXT: ServedAs = { contentType: "text/plain; charset=utf-8", disposition: "inline" };

const SHOWN = new Map([
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["gif", "image/gif"],
  ["webp", "image/webp"],
  ["pdf", "application/pdf"],
]);

const TEXT_EXTENSIONS = words(`
  txt text log md markdown rst adoc org tex bib
  csv tsv json jsonl ndjson yaml yml toml ini cfg conf properties env lock
  diff patch sum md5 sha1 sha256 sha512 asc pem
  c h cc cpp cxx hh hpp m mm rs go zig d java kt kts scala groovy gradle cs fs swift dart
  py pyi rb pl pm php lua tcl r jl hs ml mli ex exs erl clj lisp el vim awk
  ts tsx vue sh bash zsh fish ps1 bat cmd sql graphql proto thrift
  asm s ld v vhd vhdl cmake mk am ac in tf hcl nix bzl dts dtsi
  dsc changes buildinfo service spec ics vcf srt po pot gitignore gitattributes
`);

/** Text that a browser could run, or would show as more than text: served as a download, shown as its source. */
const SOURCE_EXTENSIONS = words(`
  html htm xhtml xml svg xsl xslt js mjs cjs jsx css scss less mts cts json5 map
`);

const TEXT_NAMES = words(`
  readme license licence copying copyright notice authors contributors maintainers codeowners
  changelog changes news history todo install contributing version
  makefile dockerfile containerfile vagrantfile jenkinsfile gemfile rakefile procfile justfile
  md5sums sha1sums sha256sums sha512sums
`);

/** Decides by its name how a file is served. The case of the name does not matter. */
export function servedAs(fileName: string): ServedAs {
  const name = fileName.toLowerCase();
  const dot = name.lastIndexOf(".");
  if (dot === -1) {
    return TEXT_NAMES.has(name) ? TEXT : DOWNLOAD;
  }
  const extension = name.slice(dot + 1);
  const contentType = SHOWN.get(extension);
  if (contentType !== undefined) {
    return { contentType, disposition: "inline" };
  }
  return TEXT_EXTENSIONS.has(extension) ? TEXT : DOWNLOAD;
}

/** Is it text that is served as such, whose charset its bytes tell? */
export function isServedText({ contentType }: ServedAs): boolean {
  return contentType === TEXT.contentType;
}

/** The Content-Type of a text. */
export function textType(charset: Charset): string {
  return `text/plain; charset=${charset}`;
}

/** Decides by its name what the page of a file shows of it. */
export function viewedAs(fileName: string): "text" | "image" | "nothing" {
  const { contentType } = servedAs(fileName);
  if (contentType.startsWith("image/")) {
    return "image";
  }
  const extension = fileName.slice(fileName.lastIndexOf(".") + 1).toLowerCase();
  return contentType === TEXT.contentType || SOURCE_EXTENSIONS.has(extension) ? "text" : "nothing";
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
