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
