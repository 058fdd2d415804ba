/** What Nix would have to do for a build. */
export interface Missing {
  /** Derivations. */
  readonly build: readonly string[];
  /** Store paths. */
  readonly fetch: readonly string[];
  /** What Nix says of the paths to fetch; undefined where it is not understood. */
  readonly downloadBytes: number | undefined;
  readonly unpackedBytes: number | undefined;
}

/** printMissing of Nix 2.3 to 2.30; the sizes always stood in brackets, their units changed. */
const headings = {
  build: /^th(?:is derivation|ese (?:\d+ )?derivations) will be built:$/,
  fetch: /^th(?:is path|ese (?:\d+ )?paths) will be fetched \((.*) download, (.*) unpacked\):$/,
} as const;

/** Reads what `nix build --dry-run` prints on standard error; other lines are passed over. */
export function parseMissing(lines: readonly string[]): Missing {
  const found = { build: [] as string[], fetch: [] as string[] };
  let sizes: readonly [string, string] | undefined;
  let section: 'build' | 'fetch' | undefined;
  for (const line of lines) {
    const entry = /^\s+(\/\S+)$/.exec(line)?.[1];
    if (entry !== undefined) {
      if (section !== undefined) found[section].push(entry);
      continue;
    }
    const fetch = headings.fetch.exec(line.trim());
    if (fetch !== null) sizes = [fetch[1] ?? '', fetch[2] ?? ''];
    section = fetch !== null ? 'fetch' : headings.build.test(line.trim()) ? 'build' : undefined;
  }
  const [download, unpacked] = sizes ?? ['0 B', '0 B'];
  return { ...found, downloadBytes: parseSize(download), unpackedBytes: parseSize(unpacked) };
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes out of `106.34 MiB`. */
function parseSize(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ([KMGTP]?i?B)$/.exec(text) ?? [];
  const power = units.indexOf(unit);
  return number === undefined || power < 0 ? undefined : Math.round(Number(number) * 1024 ** power);
}
