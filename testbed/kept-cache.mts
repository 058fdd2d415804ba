// The local cache service with entries that outlive it, as those at GitHub outlive their runner.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type CacheEntry, CacheService } from './cache-service.mts';

/** What is older than so many bytes of newer entries is thrown away. GitHub keeps 10 GB a repository. */
const mostBytes = 500e6;

/**
 * Starts a service that has the entries of a folder.
 *
 * @param folder made if it does not exist
 */
export async function startKept(folder: string): Promise<CacheService> {
  mkdirSync(folder, { recursive: true });
  const service = await CacheService.start();
  service.entries.push(...filesIn(folder).map((name) => readEntry(join(folder, name))));
  return service;
}

/** Writes the entries that are new into the folder, and throws away the oldest where there are too many. */
export function keepEntries({ entries }: CacheService, folder: string): void {
  for (const entry of entries) {
    const file = join(folder, String(entry.made));
    if (!existsSync(file)) writeEntry(file, entry);
  }
  let bytes = 0;
  for (const name of filesIn(folder).reverse()) {
    bytes += statSync(join(folder, name)).size;
    if (bytes > mostBytes) rmSync(join(folder, name));
  }
}

/** By age, the oldest first. What a run left that was killed while it wrote is not among them. */
function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b));
}

/** A line of JSON, and the entry's bytes. */
function readEntry(file: string): CacheEntry {
  const content = readFileSync(file);
  const end = content.indexOf('\n');
  return { ...JSON.parse(content.toString('utf8', 0, end)), bytes: content.subarray(end + 1) };
}

function writeEntry(file: string, { bytes, ...about }: CacheEntry): void {
  writeFileSync(`${file}.new`, Buffer.concat([Buffer.from(`${JSON.stringify(about)}\n`), bytes]));
  renameSync(`${file}.new`, file);
}
