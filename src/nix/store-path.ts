/** The name of a store path or derivation, without folder, hash and `.drv`, and without what no name can have. */
export function nameOfPath(path: string): string {
  return path
    .replace(/^.*\/[0-9a-z]{32}-/s, '')
    .replace(/\.drv$/, '')
    .replace(/[^\w+.?=-]/g, '');
}
