// What single inputs change, seen from outside: each run is held against one without the input.
import { expect } from 'vitest';
import {
  buildable,
  configuration,
  imageThat,
  inputsFor,
  makeDiskoFlake,
  makeFlake,
  runBundle,
} from '../support/bundle';
import { test } from '../support/concurrent';
import { expectShown } from '../support/documents';
import { becomeInstaller, startMachine, targetOf } from '../support/machine';
import { testRuntime } from '../support/runtime';
import { shownStep } from '../support/shown-steps';

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
  const page = 'docs/log.md';
  const { inputs } = shownStep(page, 'See all of it', { instead: { flake: flakeOf(talking) } });
  const loud = await runBundle({ inputs });
  expectShown(loud.log, 'docs/log.md', 'See all of it');
  expect(loud.log).toContain('  diskoMode = {"value":"disko","source":"default"}');
  expect(loud.log).toMatch(told);
  // what the runner itself shows in its debug mode
  const { debug: _, ...quiet } = inputs;
  expect((await runBundle({ inputs: quiet })).log).toContain('::debug::diskoMode = ');
});

test('a run with debug logging has debug on, unless an input says otherwise', async () => {
  const inputs = { flake: flakeOf(talking), 'build-only': 'true' };
  const env = { RUNNER_DEBUG: '1' };
  const loud = await runBundle({ inputs, env });
  expect(loud.log).toContain('  debug = {"value":true,"source":"environment"}');
  expect(loud.log).toMatch(told);
  const quiet = await runBundle({ inputs: { ...inputs, debug: 'false' }, env });
  expect(quiet.log).toContain('::debug::debug = {"value":false,"source":"input"}');
  expect(quiet.log).not.toMatch(told);
});

test('option reaches Nix as it stands', async () => {
  const asked = configuration.replace('"demo"', 'builtins.currentSystem');
  const inputs = { flake: flakeOf(asked), plan: 'offline' };
  const impure = await runBundle({ inputs: { ...inputs, option: 'pure-eval = false\nwarn-dirty false' } });
  expect(impure.result.plan?.offline.hostName, impure.log).toMatch(/^x86_64-linux$/);
  expect((await runBundle({ inputs })).result.failure?.kind).toBe('nix');
});

test('kexec-timeout ends the wait for an installer that does not come', async () => {
  const sshd = await startMachine();
  const inputs = {
    ...inputsFor(sshd, flakeOf(buildable)),
    plan: 'false',
    'allow-lockout': 'true',
    kexec: imageThat('echo "machine will boot into nixos in 6s..."'),
    'kexec-timeout': '2s',
  };
  const run = await runBundle({ inputs });
  expect(run.result.failure, run.log).toMatchObject({
    kind: 'timeout',
    phase: 'kexec',
    message: expect.stringContaining('2.0 s'),
    hint: expect.stringContaining('the old system still runs'),
  });
});

test('disko-idle-timeout ends the wait for a disko that says nothing', async () => {
  const sshd = await startMachine();
  await becomeInstaller(targetOf(sshd, testRuntime()));
  const inputs = {
    ...inputsFor(sshd, `${makeDiskoFlake('echo begin; sleep 9')}#demo`),
    plan: 'false',
    phases: 'disko',
    'disko-idle-timeout': '1s',
  };
  const run = await runBundle({ inputs });
  expect(run.result.failure, run.log).toMatchObject({ kind: 'timeout', phase: 'disko' });
  expect(run.result.failure?.message).toContain('1.0 s');
});

test('ssh-store-setting has no effect, and says so; what would be wanted elsewhere is refused by name', async () => {
  const inputs = inputsFor(await startMachine(), flakeOf(configuration));
  const run = await runBundle({ inputs: { ...inputs, 'ssh-store-setting': 'compress=true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.warnings.join('\n')).toContain('ssh-store-setting compress has no effect');
  const refused = await runBundle({ inputs: { ...inputs, 'ssh-store-setting': 'ssh-key /root/a b&c#d' } });
  expect(refused.errors[0]).toContain(
    'input ssh-store-setting: line 1 has ssh-key, which has no place here: give the key as ssh-private-key',
  );
});

test('kexec-extra-flags reach the image’s run script', async () => {
  const sshd = await startMachine();
  const inputs = {
    ...inputsFor(sshd, flakeOf(buildable)),
    plan: 'false',
    'allow-lockout': 'true',
    kexec: imageThat('echo "$# given: $*"; exit 3'),
    'kexec-extra-flags': '--no-sync --debug',
  };
  const run = await runBundle({ inputs });
  expect(run.result.failure?.phase, run.log).toBe('kexec');
  expect(run.log).toMatch(/> 2 given: --kexec-extra-flags .*--no-sync.* .*--debug/);
});

test('upstream: force-kexec swallows the next argument; an installer is replaced, and the next input counts', async () => {
  const sshd = await startMachine();
  await becomeInstaller(targetOf(sshd, testRuntime()));
  const inputs = { ...inputsFor(sshd, flakeOf(configuration)), 'allow-lockout': 'true' };
  const phasesOf = async (more: Record<string, string>) => {
    const run = await runBundle({ inputs: { ...inputs, ...more } });
    const { action, phases } = JSON.parse(run.outputs.plan ?? '');
    return [action, phases.includes('kexec'), phases.includes('reboot')];
  };
  expect(await phasesOf({ 'force-kexec': 'true', phases: 'kexec,disko' })).toEqual(['install', true, false]);
  expect(await phasesOf({})).toEqual(['install', false, true]);
});
