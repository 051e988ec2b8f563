// A process and all that it started.

import { execFileSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";

/** The process ids, each behind its parent's. */
export function processTree({ pid = 0 }: ChildProcess): number[] {
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/u).map(Number));
  const found = [pid];
  for (const each of found) {
    found.push(...table.filter(([, parent]) => parent === each).map(([child = 0]) => child));
  }
  return found;
}

/** Ends them all at once, without a word of warning. */
export async function killTree(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  for (const pid of processTree(child).toReversed()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
  await exited;
}
