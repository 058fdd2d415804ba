/** No name of anything is longer, and a comparison takes as many steps as both have letters. */
const longest = 100;

/** Of these names the one that a misspelt one most likely means; undefined where none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > longest) return undefined;
  const lower = word.toLowerCase();
  const near = names
    .map((name) => ({ name, distance: distance(lower, name.toLowerCase()) }))
    .filter((each) => each.distance <= Math.min(3, Math.floor(lower.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.name;
}

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
