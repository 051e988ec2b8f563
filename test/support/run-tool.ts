import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ToolResult {
  code: number | null;
  output: string;
}

/** Runs an installed program to its end, without the settings of whoever runs the tests. */
export function runTool(command: string, ...args: string[]): Promise<ToolResult> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    HOME: "/nonexistent",
  };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

/** An empty folder that goes with the scope that holds it. */
export async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), "stowage-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
