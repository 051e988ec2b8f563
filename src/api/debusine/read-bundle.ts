// The request that makes an artifact -> a declaration with nothing left to refuse, in two steps: its members first, its
// files once it is known that their workspace takes them. All that is wrong is named, by member and by path, before
// anything is written.

import * as v from "valibot";

import type { Declaration } from "../../drafts/declare.ts";
import { CreateBundleRequest, FileDeclaration } from "../../protocol/bundle-requests.ts";
import { EMPTY_CONTENT } from "../../protocol/empty-content.ts";
import { AppError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { Pace } from "../../protocol/pace.ts";
import {
  comparePaths,
  CONFLICTS_STEP,
  findPathConflicts,
  findPathFault,
} from "../../protocol/paths.ts";
import { sortInSteps } from "../../protocol/sort-in-steps.ts";
import { parseLargeJson } from "../json-body.ts";

/** What is to be made, and in which workspace. */
export interface BundleRequest extends Pick<Declaration, "category" | "data"> {
  workspace: string;
  /** Not looked at yet. */
  files: Record<string, unknown>;
  /** Milliseconds, or null where the request says nothing. */
  expireAt: number | null;
  expirationDelay: number | null;
}

/** Reads and checks all but the files. */
export async function readBundleRequest(text: string, now: number): Promise<BundleRequest> {
  const parsed = v.safeParse(CreateBundleRequest, await parseLargeJson(text));
  if (!parsed.success) {
    throw refusal(membersOf(parsed.issues));
  }
  const { category, workspace, files, data, expire_at: expireAt, expiration_delay } = parsed.output;
  const dataText = JSON.stringify(data);
  if (new TextEncoder().encode(dataText).length > LIMITS.bundleData) {
    throw refusal({ data: [`Is over ${LIMITS.bundleData} bytes as JSON`] });
  }
  if (expireAt !== null && expireAt <= now) {
    throw refusal({ expire_at: ["Is in the past"] });
  }
  return {
    category,
    workspace,
    data: dataText,
    files,
    expireAt,
    expirationDelay: expiration_delay,
  };
}

function refusal(members: Record<string, unknown>): AppError {
  return new AppError("bundle_invalid", describe(members), members);
}

/** One line for those who see no more of an answer than its detail. */
function describe(members: Record<string, unknown>): string {
  const [[name, value] = ["", ""]] = Object.entries(members);
  return Array.isArray(value)
    ? `${name}: ${String(value[0])}`
    : `${name}: ${describe(value as Record<string, unknown>)}`;
}

function membersOf(issues: readonly v.BaseIssue<unknown>[]): Record<string, string[]> {
  const members = new Map<string, string[]>();
  for (const issue of issues) {
    const name = v.getDotPath(issue) ?? "body";
    members.set(name, [...(members.get(name) ?? []), issue.message]);
  }
  return Object.fromEntries(members);
}

/** Collects what is wrong, up to a bound. */
class Faults {
  readonly #byPath = new Map<string, string[]>();

  get isFull(): boolean {
    return this.#byPath.size >= LIMITS.refusalsNamed;
  }

  add(path: string, fault: string): void {
    this.#byPath.set(path, [...(this.#byPath.get(path) ?? []), fault]);
  }

  throwAny(): void {
    if (this.#byPath.size > 0) {
      throw refusal({ files: Object.fromEntries(this.#byPath) });
    }
  }
}

/** Reads and checks the files, in the order of their paths. */
export async function readFiles(declared: Record<string, unknown>): Promise<Declaration["files"]> {
  const paths = Object.keys(declared);
  if (paths.length > LIMITS.bundleFiles) {
    throw new AppError("bundle_too_large", `${paths.length} files`);
  }
  const faults = new Faults();
  const pace = new Pace();
  const files: DeclaredFile[] = [];
  for (const path of paths) {
    const file = readFile(path, declared[path], faults);
    if (file !== null) {
      files.push(file);
    }
    await pace.spendAndRest(COST.file + path.length);
  }
  faults.throwAny();
  const sorted = await sortInSteps(files, (one, other) => comparePaths(one.path, other.path), pace);
  await refuseConflicts(sorted, faults, pace);
  return sorted;
}

/** Units of work. */
const COST = { file: 500, character: 2 };

type DeclaredFile = Declaration["files"][number];

function readFile(path: string, value: unknown, faults: Faults): DeclaredFile | null {
  if (faults.isFull) {
    return null;
  }
  const fault = findPathFault(path);
  if (fault !== null) {
    faults.add(path, `Path ${fault}`);
    return null;
  }
  const parsed = v.safeParse(FileDeclaration, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    faults.add(path, `${v.getDotPath(issue) ?? "file"}: ${issue.message}`);
    return null;
  }
  const { size, checksums, content_type: contentType } = parsed.output;
  if (size === 0 && checksums.sha256 !== EMPTY_CONTENT.sha256) {
    faults.add(path, `checksums.sha256: that of an empty file is ${EMPTY_CONTENT.sha256}`);
  }
  return { path, size, sha256: checksums.sha256, contentType };
}

async function refuseConflicts(
  files: readonly DeclaredFile[],
  faults: Faults,
  pace: Pace,
): Promise<void> {
  const conflicts = findPathConflicts(files, LIMITS.bundleFolders);
  for (let next = conflicts.next(); ; next = conflicts.next()) {
    if (next.done === true) {
      faults.throwAny();
      if (next.value > LIMITS.bundleFolders) {
        throw new AppError("bundle_too_large", `more than ${LIMITS.bundleFolders} folders`);
      }
      return;
    }
    if (next.value === null) {
      await pace.spendAndRest(CONFLICTS_STEP * COST.character);
    } else if (!faults.isFull) {
      faults.add(next.value.path, `Path ${next.value.fault}`);
    }
  }
}
