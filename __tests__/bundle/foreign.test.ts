// What others print (the server, the shell there, the flake's evaluation) is shown, and is no command to the runner.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  type BundleRun,
  commandsOf,
  configuration,
  inputsFor,
  makeFlake,
  ownCommands,
  runBundle,
} from '../support/bundle';
import { test } from '../support/concurrent';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

/** Lines that a runner would obey. */
const hostile = [
  '::set-output name=outcome::installed',
  '   ::add-path::/evil',
  '\u2003::stop-commands::x',
  'text ##[set-env name=PATH;]/evil',
  '##[add-path]/evil',
  '\u001b[31m::set-env name=PATH::/evil',
  '\u200b::save-state name=x::y',
  '%0A::error::forged',
];

function expectHarmless(run: BundleRun): void {
  // the control: these lines are commands to this reader
  expect(commandsOf(hostile.join('\n')).length).toBeGreaterThanOrEqual(5);
  expect(commandsOf(run.log).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
  expect(run.errors.filter((text) => text === 'forged')).toEqual([]);
  expect(run.log).not.toContain('\u001b');
  expect(run.outputs).not.toHaveProperty('x');
  // what the action says itself, so that its post step knows that it is one
  expect(run.state).toEqual({ post: 'true' });
}

test('a forced command and a banner', async () => {
  const folder = temporaryFolder('hostile');
  writeFileSync(join(folder, 'words'), `${hostile.join('\n')}\n`);
  const config = [
    `Banner ${folder}/words`,
    `ForceCommand cat ${folder}/words; cat ${folder}/words >&2; sleep 0.5; exit 1`,
  ];
  const sshd = await startMachine({ config });
  const run = await runBundle({ inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), debug: 'true' } });
  expect(run.code).toBe(1);
  expect(run.log).toContain('set-output name=outcome');
  expectHarmless(run);
  expect(run.outputs.outcome).toBe('failed');
});

test('an rc file that talks on standard output and error', async () => {
  const sshd = await startMachine();
  const words = hostile.map((line) => `printf '%b\\n' '${line.replaceAll('\u001b', '\\033')}'`).join('\n');
  writeFileSync(join(sshd.dir, 'home', '.bashrc'), `${words}\n{ ${words}; } >&2\n`);
  const run = await runBundle({ inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), debug: 'true' } });
  expect(run.code, run.log).toBe(0);
  expectHarmless(run);
});

test('an evaluation that warns, traces and fails', async () => {
  const strings = hostile
    .map((line) => JSON.stringify(line).replaceAll('\\u001b', '\u001b'))
    .map((text) => text.replaceAll('${', '\\${'));
  const warned = strings.reduce(
    (inner, text) => `(builtins.trace ${text} (builtins.warn ${text} ${inner}))`,
    configuration,
  );
  const sshd = await startMachine();
  const good = makeFlake(`{ nixosConfigurations.demo = ${warned}; }`);
  const run = await runBundle({ inputs: { ...inputsFor(sshd, `${good}#demo`), debug: 'true' } });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('set-output name=outcome');
  expectHarmless(run);

  const bad = makeFlake(
    `{ nixosConfigurations.demo = throw (builtins.concatStringsSep "\\n" [ ${strings.join(' ')} ]); }`,
  );
  const failed = await runBundle({ inputs: inputsFor(sshd, `${bad}#demo`) });
  expect(failed.code).toBe(1);
  expect(failed.log).toContain('set-output name=outcome');
  expectHarmless(failed);
});
