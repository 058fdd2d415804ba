// What the tests of attacks on the cache have in common: a service with one layer, and what a run looks like to which a
// changed one did nothing.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BuildRun, buildRun, derivationsOfFlake, flakeOf } from './cache';
import { atEnd } from './concurrent';

/** What forged files say. */
export const mark = 'forged by somebody';

/** A new secret key of Nix, by a real one. */
export function generateKey(name = 'mine'): string {
  const args = ['key', 'generate-secret', '--key-name', name, '--extra-experimental-features', 'nix-command'];
  return execFileSync('nix', args, { encoding: 'utf8', env: { ...process.env, ...nixEnvironment() } });
}

/** A service with what a first run has saved, signed by this key if there is one. */
export async function filledService(key?: string) {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  const inputs: Record<string, string> = key === undefined ? {} : { 'cache-signing-key': key };
  const flake = flakeOf('1');
  const first = await buildRun(service, flake, inputs);
  expect(first.built, first.log).toBe(derivationsOfFlake);
  const [entry] = service.entries;
  if (entry === undefined || service.entries.length > 1) throw new Error('one layer was expected');
  return { service, flake, inputs, first, entry };
}

/** The lines in which a run says what was wrong with a layer. */
export function complaintsOf({ said }: BuildRun): readonly string[] {
  return said.filter((line) => /passed over|missing|could not take|not used/.test(line));
}

/** All is as if there had been no layer, and of it there is one line. */
export function expectMiss(run: BuildRun, first: BuildRun, built = derivationsOfFlake): void {
  expect(run.code, run.log).toBe(0);
  expect(run.built, run.log).toBe(built);
  expect(run.outputs['system-path']).toBe(first.outputs['system-path']);
  expect(complaintsOf(run), run.log).toHaveLength(1);
  const contents = contentsOf(run);
  expect(contentsOf(first)).toMatchObject(contents);
  expect(JSON.stringify([run.log, contents])).not.toContain(mark);
}

/** What is in a run's store of what the flake builds, by name. */
export function contentsOf({ dir }: BuildRun): Record<string, string> {
  const store = join(dir, 'store/nix/store');
  const names = readdirSync(store).filter((name) =>
    /^\w{32}-(tool|package|other|disko|nixos-system-demo)$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(store, name), 'utf8')]));
}
