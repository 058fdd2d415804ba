/** Splits `a."b.c".d`; undefined when a quote is open or a part is empty. */
export function splitAttributePath(text: string): string[] | undefined {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const match = /^(?:"([^"\\]+)"|([^".\s]+))(\.|$)/.exec(rest);
    if (match === null) return undefined;
    parts.push(match[1] ?? match[2] ?? '');
    rest = rest.slice(match[0].length);
    if (rest === '') return match[3] === '.' ? undefined : parts;
  }
}

/** The path as Nix reads it: names that are more than letters, digits, `_`, `'` and `-` in quotes. */
export function showAttributePath(parts: readonly string[]): string {
  return parts.map((part) => (/^[A-Za-z_][A-Za-z0-9_'-]*$/.test(part) ? part : `"${part}"`)).join('.');
}
