import { describe, expect, test } from 'vitest';
import { systemsOfBuilders } from '../../src/nix/builders';
import { buildPlace, buildPlaceWarnings, checkBuildPlace } from '../../src/plan/build-place';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { debian } from '../support/situation';
import { makeTestKey } from './support';

const key = makeTestKey();

function seen(buildSystem: string, buildOn: string, ...runnerSystems: string[]) {
  const settings = machineSettings({
    flake: '.#demo',
    'target-host': 'x',
    'ssh-private-key': key,
    'build-on': buildOn,
  });
  return { settings, evaluation: { ...configured, buildSystem }, runnerSystems };
}

describe('systemsOfBuilders', () => {
  test.each([
    ['', []],
    ['ssh://a aarch64-linux', ['aarch64-linux']],
    [
      'ssh://a aarch64-linux,riscv64-linux - 2 ; ssh://b i686-linux',
      ['aarch64-linux', 'riscv64-linux', 'i686-linux'],
    ],
    ['ssh://a', ['own']],
    ['ssh://a - key', ['own']],
    ['# none\r\nssh://a aarch64-linux # mine\r\n', ['aarch64-linux']],
    ['ssh://a aarch64-linux key 1 1 kvm kvm', []],
    ['ssh://a aarch64-linux key 1 1 kvm - c3NoLWVk', ['aarch64-linux']],
  ])('%j', (text, systems) => {
    expect(systemsOfBuilders(text, 'own')).toEqual(systems);
  });
});

describe('buildPlace', () => {
  test.each([
    ['auto', 'x86_64-linux', 'local'],
    ['auto', 'aarch64-linux', 'remote'],
    ['local', 'aarch64-linux', 'local'],
    ['remote', 'x86_64-linux', 'remote'],
  ])('%s, a system of %s: %s', (choice, system, place) => {
    expect(buildPlace(seen(system, choice, 'x86_64-linux'))).toBe(place);
  });

  test('upstream: decides only after kexec; here a machine that cannot build it is refused before', () => {
    const onMachine = seen('aarch64-linux', 'auto', 'x86_64-linux', 'i686-linux');
    expect(() => checkBuildPlace(onMachine, debian)).toThrow(
      expect.objectContaining({
        kind: 'guard',
        message: expect.stringMatching(
          /built on the machine, which is x86_64, but it is built on aarch64-linux/,
        ),
        hint: expect.stringContaining('x86_64-linux, i686-linux'),
      }),
    );
    checkBuildPlace(onMachine, { ...debian, architecture: 'aarch64' });
    checkBuildPlace(seen('i686-linux', 'remote'), debian);
    checkBuildPlace(seen('aarch64-linux', 'local'), debian);
  });

  test('local where the runner cannot is left to Nix, with a warning', () => {
    expect(buildPlaceWarnings(seen('aarch64-linux', 'local', 'x86_64-linux'))).toEqual([
      expect.stringMatching(/builds for x86_64-linux, not for aarch64-linux.*build-on: auto/),
    ]);
    expect(buildPlaceWarnings(seen('aarch64-linux', 'auto', 'x86_64-linux'))).toEqual([]);
    expect(buildPlaceWarnings(seen('x86_64-linux', 'local', 'x86_64-linux'))).toEqual([]);
  });
});
