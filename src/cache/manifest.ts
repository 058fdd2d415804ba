import type { LayerEntry, Manifest, StoredPath } from './layer';
import { CacheError } from './service';

/**
 * Reads a manifest. One that is not signed is the word of whoever can write the repository's cache: what is in it becomes names
 * of files, lines that Nix reads, and positions in files, so that nothing but what a layer of ours says gets through.
 *
 * @throws CacheError where it says anything else, and node's error where it is no JSON
 */
export function parseManifest(json: string, storeFolder: string): Manifest {
  const manifest = recordOf(JSON.parse(json));
  if (manifest.storeFolder !== storeFolder) throw new CacheError('a layer is of another store folder');
  return { storeFolder, layers: listOf(manifest.layers).map((layer) => layerOf(layer, storeFolder)) };
}

function layerOf(value: unknown, storeFolder: string): LayerEntry {
  const { key, made, paths } = recordOf(value);
  const stored = listOf(paths).map((path) => pathOf(path, storeFolder));
  if (new Set(stored.map(({ path }) => path)).size < stored.length) throw implausible();
  return { key: textOf(key, /^[^\p{Cc},]{1,512}$/u), made: countOf(made), paths: stored };
}

function pathOf(value: unknown, storeFolder: string): StoredPath {
  const { path, narHash, narSize, references, deriver, ca, fileHash, fileSize, offset, buildMs } =
    recordOf(value);
  const whole = textOf(path, /./);
  if (!whole.startsWith(`${storeFolder}/`)) throw implausible();
  return {
    path: `${storeFolder}/${textOf(whole.slice(storeFolder.length + 1), name)}`,
    narHash: textOf(narHash, /^sha256:[0-9a-z]{52}$/),
    narSize: countOf(narSize, 1),
    references: listOf(references).map((reference) => textOf(reference, name)),
    deriver: deriver === '' ? '' : textOf(deriver, name),
    ca: textOf(ca, /^[\w:.+/=-]{0,200}$/),
    fileHash: textOf(fileHash, /^[0-9a-z]{52}$/),
    fileSize: countOf(fileSize, 1),
    offset: countOf(offset),
    buildMs: countOf(buildMs),
  };
}

/** A store path without its folder. */
const name = /^[0-9a-z]{32}-[\w+.?=-]{1,211}$/;

const implausible = () => new CacheError('a layer says what no layer of this action would');

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw implausible();
  return { ...value };
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw implausible();
  return value;
}

function textOf(value: unknown, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw implausible();
  return value;
}

/** What can be added up and written down without an exponent. */
function countOf(value: unknown, least = 0): number {
  if (!Number.isInteger(value) || Number(value) < least || Number(value) > largestCount) throw implausible();
  return Number(value);
}

/** As bytes a thousand times what GitHub keeps, as milliseconds since the epoch in more than two hundred years. */
const largestCount = 1e13;
