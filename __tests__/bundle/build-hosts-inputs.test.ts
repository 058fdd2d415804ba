// What a run that builds for many hosts refuses, and says, before it builds.
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { makeFlake, runBundle } from '../support/bundle';
import { buildRun, flakeWith } from '../support/cache';
import { generateKey } from '../support/cache-attack';
import { atEnd, test, testEach } from '../support/concurrent';

const flake = () => flakeWith({ 'web-1': { one: 'echo 1 >$out' } });

testEach<string, readonly [() => Record<string, string>, readonly RegExp[]]>([
  [
    'a host that is not there',
    [
      () => ({ flake: flake(), hosts: 'web-7' }),
      [/input hosts: has web-7, which fits no host. Hosts: web-1; tags: none/],
    ],
  ],
  [
    'a flake without hosts',
    [
      () => ({ flake: makeFlake('{ }'), hosts: '*' }),
      [/input flake: \S+ has no hosts: neither nixosAnywhere/],
    ],
  ],
  [
    'a name',
    [
      () => ({ flake: `${flake()}#web-1`, hosts: 'web-1' }),
      [/input flake: names web-1; give the flake alone/],
    ],
  ],
  ['no flake', [() => ({ hosts: '*' }), [/input flake: is required/]]],
  [
    'what is not of a flake, and what is of one host',
    [
      () => ({
        flake: flake(),
        hosts: '*',
        'nix-file': 'x.nix',
        'generate-hardware-config': 'nixos-facter x.json',
      }),
      [
        /input nix-file: cannot be combined with hosts, which are those of a flake/,
        /input generate-hardware-config: cannot be combined with hosts/,
      ],
    ],
  ],
  [
    'a machine that builds',
    [
      () => ({ flake: flake(), hosts: '*', 'build-on': 'remote' }),
      [/input build-on: cannot be remote with build-only/],
    ],
  ],
  [
    'another kind of run',
    [
      () => ({ flake: flake(), hosts: '*', 'changed-since': 'HEAD' }),
      [/input changed-since: is for list-hosts; leave it out/],
    ],
  ],
  [
    'a wrong choice',
    [() => ({ flake: flake(), hosts: '*', phases: 'dance' }), [/input phases: has "dance"/]],
  ],
  [
    'no hosts and no name',
    [
      () => ({ flake: flake() }),
      [/write \S+#NAME.*or give hosts \(names, globs, tag:NAME\).*The flake has: web-1/s],
    ],
  ],
])('%s is refused', async (_, [inputs, problems]) => {
  const run = await runBundle({ inputs: { 'build-only': 'true', ...inputs() } });
  expect(run.code).toBe(1);
  for (const problem of problems) expect(run.errors[0]).toMatch(problem);
  expect(run.log).not.toContain('building /nix');
});

test('hosts that leave out all, and a flake that describes none, build nothing', async () => {
  for (const inputs of [
    { flake: flake(), hosts: '* !web-*' },
    { flake: flakeWith({}), hosts: '*' },
  ]) {
    const run = await runBundle({ inputs: { 'build-only': 'true', ...inputs } });
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ outcome: 'built', count: '0', 'failed-hosts': '[]' });
  }
});

test('without cache-signing-key it is said that installs will not find it', async () => {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  const made = flake();
  const build = (more: Record<string, string>) =>
    buildRun(service, made, { flake: made, hosts: '*', ...more });
  const unsigned = await build({});
  expect(unsigned.code).toBe(0);
  expect(unsigned.warnings).toEqual([
    expect.stringMatching(/every install builds it once more.*cache-signing-key/),
  ]);
  expect((await build({ 'cache-signing-key': generateKey() })).warnings).toEqual([]);
  expect((await build({ cache: 'false' })).warnings).toEqual([]);
});

test('what is wrong with a host is told, and is that host’s alone', async () => {
  const flakeOfTwo = flakeWith({ a: {}, b: {} }, { b: '{ phases = [ "dance" ]; }' });
  const run = await runBundle({ inputs: { 'build-only': 'true', flake: flakeOfTwo, hosts: '*' } });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toMatch(/^1 of 2 hosts could not be built: b\n/);
  expect(run.log).toMatch(/input phases \(nixosAnywhere.b of the flake\): has "dance"/);
  expect(run.outputs).toMatchObject({ count: '1', 'failed-hosts': '["b"]' });
});
