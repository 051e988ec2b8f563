/** Characters of a word that are looked at. */
const LENGTH = 64;

/** The known word that needs the fewest letters changed to be `word`; null where none is known. */
export function nearestOf(word: string, known: readonly string[]): string | null {
  const asked = word.slice(0, LENGTH);
  const found = known.map((each) => ({ each, distance: distanceOf(asked, each) }));
  return found.toSorted((one, other) => one.distance - other.distance)[0]?.each ?? null;
}

/** Levenshtein's: letters to insert, to leave out or to replace. */
function distanceOf(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, letter] of one.split("").entries()) {
    const current = [row + 1];
    for (const [column, counterpart] of other.split("").entries()) {
      const replaced = (previous[column] ?? 0) + (letter === counterpart ? 0 : 1);
      current.push(Math.min(replaced, (current[column] ?? 0) + 1, (previous[column + 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
