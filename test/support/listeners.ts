// What a tree of processes listens on, as Linux tells in /proc.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state LISTEN in /proc/net/tcp. */
const LISTEN = "0A";

export interface Listener {
  /** A port of TCP, or the path of a Unix socket; an abstract one begins with `@`. */
  at: number | string;
  pid: number;
}

/** Every socket on which one of these processes takes connections. */
export function listenersOf(pids: readonly number[]): Listener[] {
  const places = new Map<string, Listener["at"]>([
    ...["tcp", "tcp6"].flatMap((kind) => tableOf(kind).flatMap(toTcp)),
    ...tableOf("unix").flatMap(toUnix),
  ]);
  return pids.flatMap((pid) =>
    inodesOf(pid).flatMap((inode) => {
      const at = places.get(inode);
      return at === undefined ? [] : [{ at, pid }];
    }),
  );
}

function tableOf(kind: string): string[][] {
  const [, ...lines] = readFileSync(`/proc/net/${kind}`, "utf8").trim().split("\n");
  return lines.map((line) => line.trim().split(/\s+/u));
}

function toTcp(row: string[]): [inode: string, port: number][] {
  const [, local = "", , state, , , , , , inode = ""] = row;
  return state === LISTEN ? [[inode, Number.parseInt(local.split(":").at(-1) ?? "", 16)]] : [];
}

/** Only those that listen have this flag. */
function toUnix(row: string[]): [inode: string, path: string][] {
  const [, , , flags = "", , , inode = "", path = ""] = row;
  return flags === "00010000" ? [[inode, path]] : [];
}

function inodesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/u.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return []; // it was closed meanwhile
    }
  });
}
