// What single inputs change, seen from outside: each run is held against one without the input.
import { expect } from 'vitest';
import { buildable, configuration, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';

const flakeOf = (text: string) => `${makeFlake(`{ nixosConfigurations.demo = ${text}; }`)}#demo`;

/** Says what no derivation's file has in it. */
const talking = buildable.replace('echo $name >$out', 'echo $((6 * 7)) words >&2; echo $name >$out');
const told = /> 42 words$/m;

test('print-build-logs shows what a builder prints', async () => {
  const inputs = { flake: flakeOf(talking), 'build-only': 'true' };
  const loud = await runBundle({ inputs: { ...inputs, 'print-build-logs': 'true' } });
  expect(loud.code, loud.log).toBe(0);
  expect(loud.log).toMatch(told);
  expect((await runBundle({ inputs })).log).not.toMatch(told);
});

test('debug shows the settings with their sources, and implies print-build-logs', async () => {
  const inputs = { flake: flakeOf(talking), 'build-only': 'true' };
  const loud = await runBundle({ inputs: { ...inputs, debug: 'true' } });
  expect(loud.log).toContain('  diskoMode = {"value":"disko","source":"default"}');
  expect(loud.log).toMatch(told);
  // what the runner itself shows in its debug mode
  expect((await runBundle({ inputs })).log).toContain('::debug::diskoMode = ');
});

test('option reaches Nix as it stands', async () => {
  const asked = configuration.replace('"demo"', 'builtins.currentSystem');
  const inputs = { flake: flakeOf(asked), plan: 'offline' };
  const impure = await runBundle({ inputs: { ...inputs, option: 'pure-eval = false\nwarn-dirty false' } });
  expect(impure.result.plan?.offline.hostName, impure.log).toMatch(/^x86_64-linux$/);
  expect((await runBundle({ inputs })).result.failure?.kind).toBe('nix');
});
