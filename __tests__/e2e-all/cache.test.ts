// Runners that begin with an empty store, and a cache between them: what one has built the next ones install from.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Result } from '../../src/report/result';
import type { ActionResult } from '../../testbed/action.mts';
import { ensureImages, flakeCopy } from '../../testbed/build.mts';
import { type CacheRequest, CacheService } from '../../testbed/cache-service.mts';
import { emptyRunner, removeRunner } from '../../testbed/empty-runner.mts';
import { Machine } from '../../testbed/machine.mts';
import { cacheFolder } from '../../testbed/paths.mts';
import { phasesOf, runScenario, whoAreYou } from '../e2e/support';

const folder = join(cacheFolder, 'e2e', 'cache-runner');
/** What the demo flake has Nix build; the rest of its closures are sources, which the evaluation brings. */
const packages = [
  'activate',
  'disk-tools',
  'disko-disko',
  'init',
  'nixos-system-cached-25.11',
  'switch-to-configuration',
  'userland',
];
/** What is copied into the system while it is built, and not needed where the system is there. */
const onlyForBuild = ['activate', 'init'];
const sources = ['busybox', 'initrd', 'systemd-bootx64.efi', 'vmlinuz'];

interface Run {
  readonly result: ActionResult;
  readonly cache: Result['cache'];
  /** Names of what Nix said that it built, and that it copied: here while it built, and to the machine. */
  readonly built: readonly string[];
  readonly taken: readonly string[];
  readonly sent: readonly string[];
  readonly uploads: readonly CacheRequest[];
}

/** Names of store paths in the lines of a phase that begin like this. */
function namesIn(log: string, phase: string, beginning: string): string[] {
  const [, lines = ''] = new RegExp(`^::group::(?:${phase})\\n([^]*?)^::endgroup::`, 'm').exec(log) ?? [];
  return lines
    .split('\n')
    .flatMap((line) => (line.startsWith(beginning) ? [line.slice(beginning.length)] : []))
    .map((path) => path.replace(/^\/nix\/store\/[^-]*-/, '').replace(/\.drv$/, ''))
    .sort();
}

describe('runners with an empty store and a cache', () => {
  let machine: Machine;
  let service: CacheService;

  beforeAll(async () => {
    await ensureImages();
    service = await CacheService.start();
    machine = await Machine.start({ name: 'cache', snapshot: 'installer' });
  });
  afterAll(async () => {
    await machine?.stop();
    service?.stop();
    removeRunner(folder);
  });

  /** @param change made to the checkout of the flake */
  async function install(
    name: string,
    inputs: Record<string, string>,
    change: (flake: string) => void = () => undefined,
  ): Promise<Run> {
    const flake = flakeCopy(join(cacheFolder, 'e2e', 'cache-flake'), { hostName: 'cached' });
    change(flake);
    const runner = emptyRunner(folder);
    expect(existsSync(folder)).toBe(false);
    const before = service.requests.length;
    const result = await runScenario({
      name,
      machine,
      inputs: {
        flake: `path:${flake}#demo`,
        'known-hosts': await machine.hostKeys(),
        'install-id': 'a',
        ...inputs,
      },
      env: { ...runner, ...service.environment },
    });
    expect(result.code, result.log).toBe(0);
    const { cache }: Result = JSON.parse(readFileSync(result.outputs['result-file'] ?? '', 'utf8'));
    return {
      result,
      cache,
      built: namesIn(result.log, 'build', '::debug::building '),
      taken: namesIn(result.log, 'build', '::debug::copying '),
      sent: namesIn(result.log, 'install|update', '::debug::copying '),
      uploads: service.requests.slice(before).filter(({ what }) => what === 'upload'),
    };
  }

  async function expectToRun({ result }: Run): Promise<void> {
    expect(result.outputs).toMatchObject({ 'target-state': 'booted', verified: 'system' });
    expect(await whoAreYou(machine)).toMatchObject({
      hostName: 'cached',
      system: result.outputs['system-path'],
    });
  }

  it('build all the first time', async () => {
    const run = await install('cache-first', {});
    expect(run.built).toEqual(packages);
    expect(run.taken).toEqual([]);
    expect(run.uploads).toHaveLength(1);
    expect(run.cache).toMatchObject({ hit: 'none', restored: { paths: 0, bytes: 0 } });
    await expectToRun(run);
  });

  it('build nothing and upload nothing the second time: what the machine boots comes from the cache', async () => {
    const bootId = await machine.bootId();
    const run = await install('cache-second', { 'on-installed': 'reinstall' });
    expect(run.built).toEqual([]);
    expect(run.uploads).toEqual([]);
    const needed = packages.filter((name) => !onlyForBuild.includes(name));
    expect(run.taken).toEqual(needed);
    expect(run.cache).toMatchObject({ hit: 'exact', restored: { layers: 1, paths: needed.length } });
    expect(run.sent.filter((name) => !run.taken.includes(name))).toEqual(sources);
    expect(run.sent).toContain('nixos-system-cached-25.11');
    expect(phasesOf(run.result).map(({ name }) => name)).toContain('disko');
    expect(await machine.bootId()).not.toBe(bootId);
    await expectToRun(run);
  });

  it('build and save what has changed, with what depends on it', async () => {
    const run = await install('cache-third', { 'on-installed': 'converge' }, (flake) => {
      appendFileSync(join(flake, 'activate.sh'), '# changed\n');
    });
    const changed = ['activate', 'nixos-system-cached-25.11'];
    expect(run.built).toEqual(changed);
    expect(run.uploads).toHaveLength(1);
    expect(run.cache).toMatchObject({ hit: 'partial', saved: { paths: changed.length } });
    // an update needs no disko script
    expect(run.taken).toEqual(['init', 'switch-to-configuration', 'userland']);
    expect(run.result.outputs.outcome).toBe('updated');
    await expectToRun(run);
  });
});
