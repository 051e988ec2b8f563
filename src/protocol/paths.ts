// Which paths files may have. Whatever takes declarations, or unpacks archives, asks here.

const MAX_BYTES = 1_000;
const encoder = new TextEncoder();

/** What is wrong with a path, or null. */
export function findPathFault(path: string): string | null {
  if (path === "") {
    return "is empty";
  }
  if (!path.isWellFormed()) {
    return "is not Unicode text";
  }
  // A character takes at most three bytes a unit; most paths need no counting.
  if (path.length * 3 > MAX_BYTES && encoder.encode(path).length > MAX_BYTES) {
    return `is over ${MAX_BYTES} bytes of UTF-8`;
  }
  if (path.startsWith("/") || path.endsWith("/")) {
    return "begins or ends with a slash";
  }
  if (/[\\\p{Cc}]/u.test(path)) {
    return "holds a backslash or a control character";
  }
  return /(?:^|\/)\.{0,2}(?:\/|$)/u.test(path) ? "holds an empty, '.' or '..' segment" : null;
}

/** Characters of paths after which findPathConflicts() lets go. */
export const CONFLICTS_STEP = 64 * 1024;

/**
 * Paths that cannot be in one tree together: those that are there twice, and those that are a folder of
 * another as well. `sorted` is in the byte order of the paths.
 *
 * @yields Each of them with what is wrong, and null after `CONFLICTS_STEP` characters: others may be let in. The generator
 * returns the number of folders, and gives up behind `maxFolders`.
 */
export function* findPathConflicts(
  sorted: readonly { path: string }[],
  maxFolders: number,
): Generator<{ path: string; fault: string } | null, number> {
  const files = new Set(sorted.map(({ path }) => path));
  let folders = 0;
  let previous = "";
  let looked = 0;
  for (const { path } of sorted) {
    looked += path.length;
    if (looked >= CONFLICTS_STEP) {
      looked = 0;
      yield null;
    }
    if (path === previous) {
      yield { path, fault: "is there twice" };
    }
    for (const folder of newFolders(previous, path)) {
      folders += 1;
      if (files.has(folder)) {
        yield { path: folder, fault: `is also the folder of '${path}'` };
      }
      if (folders > maxFolders) {
        return folders;
      }
    }
    previous = path;
  }
  return folders;
}

/** The folders of `path` that `previous` is not in, from the outside in, without their slash. */
function* newFolders(previous: string, path: string): Generator<string> {
  let common = 0;
  while (common < previous.length && previous[common] === path[common]) {
    common += 1;
  }
  for (let slash = path.indexOf("/", common); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    yield path.slice(0, slash);
  }
}

/** Compares paths as their bytes of UTF-8, in which a version has them. */
export function comparePaths(one: string, other: string): number {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at += 1) {
    const difference = codeOrder(one.charCodeAt(at)) - codeOrder(other.charCodeAt(at));
    if (difference !== 0) {
      return difference;
    }
  }
  return one.length - other.length;
}

/** UTF-8 sorts as code points do: surrogates, which stand for those from U+10000, come after all others. */
function codeOrder(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}

/** Counts the folders that paths name, which are in order and free of conflicts. */
export function countFolders(sorted: readonly { path: string }[]): number {
  let [folders, previous] = [0, ""];
  for (const { path } of sorted) {
    for (const _ of newFolders(previous, path)) {
      folders += 1;
    }
    previous = path;
  }
  return folders;
}
