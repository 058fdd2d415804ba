// docs/configuration.md, carried out: where a system is built. What is built for aarch64 here is a script: no emulator is needed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BundleRun, buildable, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { carryOut, runShell } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { machineToInstall } from '../support/install';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';
import { stepsOf } from '../support/shown-steps';

const page = 'docs/configuration.md';

test('a system is built on the machine that is installed', async () => {
  const { inputs, store } = await machineToInstall();
  const env = { NIX_REMOTE: `local?root=${store}` };
  const run = await carryOut(page, 'Where it is built', { besides: inputs, env });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/configuration.md', 'Where it is built');
});

const heading = 'For another architecture';
const flake = () => {
  const arm = buildable
    .replaceAll('x86_64-linux', 'aarch64-linux')
    .replace('nixos-system-demo', 'nixos-system-arm-1');
  return `${makeFlake(`{ nixosConfigurations.arm-1 = ${arm}; }`)}#arm-1`;
};
/** What the page has Nix told when it is installed. */
const settings = () => stepsOf(page, heading).flatMap(({ with: given = {} }) => given.extra_nix_config ?? []);
/** The runner's Nix, set up as this line of the page says. */
const withSetting = (line: string) => ({ NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\n${line}` });

/** The name of the page in place of the test's folder. */
const asOnThePage = (run: BundleRun) => run.log.replace(/\/\S*test-flake-\w+#/g, '.#');

test('a runner builds for another architecture that its Nix is told of', async () => {
  const [setting = ''] = settings();
  const here = { instead: { flake: flake() }, env: withSetting(setting) };
  const run = await carryOut(page, heading, here);
  expect(run.code, run.log).toBe(0);
  expectShown(asOnThePage(run), 'docs/configuration.md', 'For another architecture');
});

test('build-on: local insists on the runner, with a warning where only substituters could help', async () => {
  const machine = await startMachine({ installer: true });
  const inputs = { ...inputsFor(machine, flake()), 'build-on': 'local' };
  const run = await runBundle({ inputs });
  expectTroubles([run.log], page, heading);
  const [, builders = ''] = settings();
  const { warnings } = await runBundle({ inputs, env: withSetting(builders) });
  expect(warnings.join('\n')).not.toContain('build-on is local');
});

/** A repository with the configurations, and a flake that has it as an input, from a server that wants a key. */
async function makePrivateInput() {
  const server = await startMachine();
  const text = blockOf(page, 'Private inputs of a flake', 'nix');
  const repository = makeFlake(`{ nixosConfigurations.web-1 = ${buildable}; }`);
  const git = 'git -c user.name=t -c user.email=t@example.org';
  const commit = `git init --quiet; git add .; ${git} commit --quiet --message first`;
  const home = temporaryFolder('home');
  await runShell(commit, { cwd: repository, env: { HOME: home } });
  const dir = temporaryFolder('job');
  mkdirSync(join(dir, 'workspace'));
  const url = `git+ssh://${server.user}@${server.host}:${server.port}${repository}`;
  writeFileSync(join(dir, 'workspace/flake.nix'), text.replace('git+ssh://git@github.com/you/private', url));
  return { server, dir, home };
}

test('an input is fetched with a key that an agent has', async () => {
  const section = 'Private inputs of a flake';
  const { server, dir, home } = await makePrivateInput();
  const start = stepsOf(page, section)[0]?.run ?? '';
  const variables = join(dir, 'variables');
  const printed = await runShell(start, {
    cwd: dir,
    env: {
      INPUTS_KEY: server.clientKey.private,
      GIT_HOST_KEYS: server.hostKeyLine('ed25519'),
      GITHUB_ENV: variables,
      HOME: home,
    },
  });
  atEnd(() => void process.kill(Number(/\d+/.exec(printed)?.[0])));
  const [, SSH_AUTH_SOCK = ''] = /^SSH_AUTH_SOCK=(.*)$/m.exec(readFileSync(variables, 'utf8')) ?? [];
  const { flake: _, ...machine } = inputsFor(await startMachine({ installer: true }), '');
  const besides = { ...machine, 'allow-lockout': 'true' };
  // ssh looks for known_hosts where the user's account says, not where HOME does
  const env = { GIT_SSH_COMMAND: `ssh -o UserKnownHostsFile=${home}/.ssh/known_hosts` };
  // first: what was fetched is not asked for again
  const run = (socket: string) =>
    carryOut(page, section, { besides, env: { ...env, SSH_AUTH_SOCK: socket } }, { dir });
  const without = await run('');
  expect(without.code).toBe(1);
  expectTroubles([without.log], page, section);
  const done = await run(SSH_AUTH_SOCK);
  expect(done.code, done.log).toBe(0);
  expectShown(done.log, 'docs/configuration.md', 'Private inputs of a flake');
});
