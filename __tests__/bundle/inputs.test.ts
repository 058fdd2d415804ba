// Bad input: everything that is wrong is said at once, before any connection.
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { makeKey } from '../../testbed/sshd.mts';
import { commandsOf, makeFlake, ownCommands, runBundle } from '../support/bundle';
import { atEnd, test, testEach } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

/** Each input with a value that it refuses. */
const wrong: Record<string, string> = {
  flake: '--help#demo',
  'target-host': '-oProxyCommand=id',
  'ssh-private-key': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPublicKeyOfSomebody me@example',
  'ssh-port': '0',
  'post-kexec-ssh-port': '65536',
  'known-hosts': '@cert-authority * ssh-ed25519 AAAA',
  kexec: '/does/not/exist.tar.gz',
  phases: 'kexec,format',
  'on-installed': 'maybe',
  'copy-host-keys': 'perhaps',
  verify: 'a little',
  plan: 'False!',
  option: '= a line without a name',
  'print-build-logs': '2',
  debug: 'very',
  'connect-timeout': 'soon',
  'kexec-timeout': '-1',
  'reboot-timeout': '25h',
  'idle-timeout': '0',
  'disko-idle-timeout': '1 fortnight',
  'stop-after-disko': 'soon',
  'no-reboot': '1',
  'build-on-remote': 'maybe',
  tty: 'vt100',
  'kexec-sha256': 'sha256:abc',
  'kexec-extra-flags': '--append="never closed',
  'force-kexec': 'maybe',
  'no-use-machine-substituters': '1',
  'no-substitute-on-destination': '0',
  netrc: 'machine without any password',
  'ssh-store-setting': 'remote-program /bin/sh',
};

/** Listens, counts, and hangs up. */
async function countingServer() {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: String(address.port), connections: () => connections };
}

test('all inputs wrong: one error names every one, and the result says that nothing was touched', async () => {
  const run = await runBundle({ inputs: wrong });
  expect(run.code).toBe(1);
  expect(run.errors).toHaveLength(1);
  for (const name of Object.keys(wrong)) expect(run.errors[0]).toContain(`input ${name}: `);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched', verified: 'none' });
  expect(run.result).toMatchObject({
    outcome: 'failed',
    targetState: 'untouched',
    failure: { kind: 'input', phase: null },
  });
  for (const name of Object.keys(wrong)) expect(run.summary).toContain(`input ${name}: `);
});

test('nothing given: the required inputs are named', async () => {
  const run = await runBundle();
  expect(run.code).toBe(1);
  for (const name of ['flake', 'target-host', 'ssh-private-key'])
    expect(run.errors[0]).toContain(`input ${name}: is required`);
  expect(run.outputs.outcome).toBe('failed');
});

test('no connection is made while an input is wrong', async () => {
  const server = await countingServer();
  const host = { 'target-host': '127.0.0.1', 'ssh-port': server.port };
  const run = await runBundle({ inputs: { ...wrong, ...host } });
  expect(run.errors[0]).not.toContain('input target-host');
  expect(server.connections()).toBe(0);
  // the control: with good inputs it is the very same server that is asked
  const { private: key } = makeKey(join(temporaryFolder('key'), 'key'));
  const good = {
    flake: `${makeFlake()}#demo`,
    'ssh-private-key': key,
    'connect-timeout': '1s',
    plan: 'true',
  };
  expect((await runBundle({ inputs: { ...good, ...host } })).result.failure?.kind).toBe('connection');
  expect(server.connections()).toBeGreaterThan(0);
});

test('an input that does not exist is refused, and the one that was meant is named', async () => {
  const run = await runBundle({ inputs: {}, env: { INPUT_ONINSTALLED: 'fail' } });
  expect(run.errors[0]).toContain(
    'input oninstalled: is not an input of this action; did you mean on-installed?',
  );
});

const hostile: readonly (readonly [string, string])[] = [
  ['unicode', 'ü🙂\u202e\u2028\u0000x'.replace('\u0000', '')],
  ['quotes', `'"\`$(touch pwned)\\`],
  ['newlines', 'one\n::set-output name=outcome::installed\r\n::add-path::/evil\r::stop-commands::x\n'],
  ['a command', '::set-output name=outcome::installed'],
  ['a command of the old kind', 'x ##[set-env name=PATH]/evil'],
  ['an escaped command', '%0A::set-output name=x::y%0D%0A::set-env name=x::y'],
  ['colours', '\u001b[31mred\u001b]0;title\u0007\u001b[2J'],
  ['100 kB', '##[x]'.repeat(20_000)],
];

testEach(hostile)('hostile values: %s', async (_, value) => {
  // Linux hands no process more than 2 MiB of environment
  const most = Math.floor((1 << 20) / value.length);
  const secrets = ['ssh-private-key', 'netrc'];
  const names = Object.keys(wrong).filter((name) => !secrets.includes(name));
  // with a blank in front, since a value may not be taken for a good one
  const run = await runBundle({
    inputs: Object.fromEntries(names.slice(0, most).map((name) => [name, ` ${value}`])),
  });
  expect(run.code).toBe(1);
  expect(run.errors).toHaveLength(1);
  for (const name of ['target-host', 'ssh-port', 'kexec', 'phases'])
    expect(run.errors[0]).toContain(`input ${name}: `);
  const foreign = commandsOf(run.log).filter(({ name }) => !ownCommands.has(name));
  expect(foreign).toEqual([]);
  expect(run.outputs.outcome).toBe('failed');
  expect(run.log.length).toBeLessThan(50_000);
  expect(existsSync(`${run.dir}/workspace/pwned`)).toBe(false);
});

test('hostile secrets are masked, and are no commands either', async () => {
  const key = 'first line of it\n::set-output name=outcome::installed\n##[add-path]/evil\nlast line of it';
  const run = await runBundle({ inputs: { 'ssh-private-key': key } });
  const commands = commandsOf(run.log);
  // the runner sees the command first, and takes the rest of the line as its message
  const masks = commands.filter(({ name }) => name === 'add-mask').map(({ message }) => message);
  expect(masks).toContain('first line of it');
  expect(masks).toContain('last line of it');
  const unmasked = run.log
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');
  expect(unmasked).not.toContain('line of it');
  expect(commandsOf(unmasked).filter(({ name }) => !ownCommands.has(name))).toEqual([]);
});
