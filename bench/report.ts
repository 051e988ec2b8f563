// The table on the terminal, and the same for machines.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "../scripts/processes.mjs";
import { BIN, NODE, toolEnvironment } from "../scripts/project.mjs";
import type { Row } from "./measure.ts";
import type { PeerRow } from "./peers.ts";

const RESULTS = new URL("results.json", import.meta.url);
const DOCUMENT = new URL("../docs/performance.md", import.meta.url);

const COLUMNS: { title: string; of: (row: Row) => string; right: boolean }[] = [
  { title: "job", of: ({ job }) => job, right: false },
  { title: "unit", of: ({ unit }) => unit, right: false },
  { title: "ours", of: ({ ours }) => String(ours), right: true },
  { title: "bare", of: ({ bare }) => text(bare), right: true },
  { title: "ratio", of: ({ ratio }) => text(ratio), right: true },
  { title: "spread", of: ({ spread }) => spread?.join("-") ?? "", right: true },
  { title: "target", of: ({ target }) => target ?? "", right: false },
  { title: "met", of: ({ met }) => (met === null ? "" : met ? "yes" : "NO"), right: false },
];

const WIDTHS = [51, 5, 7, 7, 6, 11, 13, 3];

function text(value: number | null): string {
  return value === null ? "" : String(value);
}

export function headline(): string {
  return COLUMNS.map(({ title, right }, at) => pad(title, at, right)).join("  ");
}

export function toLine(row: Row): string {
  return COLUMNS.map(({ of, right }, at) => pad(of(row), at, right))
    .join("  ")
    .trimEnd();
}

function pad(value: string, column: number, right: boolean): string {
  const width = WIDTHS[column] ?? 0;
  return right ? value.padStart(width) : value.padEnd(width);
}

export function toPeerLine({ job, peer, unit, value, note }: PeerRow): string {
  const figure = value === null ? "" : `${value} ${unit}`;
  return `${job.padEnd(36)}  ${figure.padStart(11)}  ${peer} (${note})`;
}

/** Writes bench/results.json, and its tables into docs/performance.md. */
export async function writeResults(rows: readonly Row[], peers: readonly PeerRow[]): Promise<void> {
  const date = new Date().toISOString();
  const results = { machine: machine(), date, commit: commit(), rows, peers };
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  const [before = "", after = ""] = readFileSync(DOCUMENT, "utf8").split(
    /(?<=<!-- bench:begin -->)[^]*(?=<!-- bench:end -->)/u,
  );
  const tables = [
    `${results.date.slice(0, 10)}, commit ${results.commit}: ${results.machine}.`,
    toTable(
      COLUMNS.map(({ title }) => title),
      rows.map((row) => COLUMNS.map(({ of }) => of(row))),
    ),
    toTable(
      ["job", "peer", "figure", "not comparable"],
      peers.map(({ job, peer, unit, value, note }) => [
        job,
        `\`${peer}\``.replaceAll("|", "\\|"),
        value === null ? "" : `${value} ${unit}`,
        note,
      ]),
    ),
  ];
  writeFileSync(DOCUMENT, `${before}\n\n${tables.join("\n\n")}\n\n${after}`);
  const written = [fileURLToPath(RESULTS), fileURLToPath(DOCUMENT)];
  await run(NODE, [join(BIN, "oxfmt"), ...written], toolEnvironment());
}

function toTable(titles: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = titles.map(() => "---");
  return [titles, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function machine(): string {
  const model = cpus()[0]?.model ?? "unknown processor";
  const memory = Math.round(totalmem() / 1024 ** 3);
  const { dependencies } = JSON.parse(
    readFileSync(new URL("../node_modules/miniflare/package.json", import.meta.url), "utf8"),
  ) as { dependencies: { workerd: string } };
  return `${availableParallelism()} cores of ${model}, ${memory} GiB, ${platform()} ${arch()}, workerd ${dependencies.workerd}`;
}

/** The commit that is measured; a plus says that the files differ from it. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
    const changed = git("status", "--porcelain", "--", "src", "migrations", "wrangler.toml");
    return git("rev-parse", "--short=12", "HEAD") + (changed === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}
