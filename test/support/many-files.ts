// A version of very many files that all have the same content, and paths of the same length, so that every number of theirs
// is a product.

import type { NewFile } from "../../src/manifest/members.ts";

/** The path of the file that is `at`, counted from 0. */
export function pathOfMany(at: number, filesEach: number): string {
  const digits = (value: number) => String(value).padStart(3, "0");
  return `d${digits(Math.floor(at / filesEach))}/${digits(at % filesEach)}`;
}

/** @yields As many files in each of as many folders, at most 1,000 of either. */
export function* manyFiles(
  { folders, filesEach }: { folders: number; filesEach: number },
  content: Omit<NewFile, "path">,
): Generator<NewFile> {
  for (let at = 0; at < folders * filesEach; at += 1) {
    yield { ...content, path: pathOfMany(at, filesEach) };
  }
}
