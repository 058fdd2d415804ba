/** One word for a POSIX shell, whatever it contains: the only way in which values get into shell text. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('a shell word cannot contain a NUL character');
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
