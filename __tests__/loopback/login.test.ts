// Passwords and agents, with a real sshd, PAM and ssh-agent.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { ConnectionError } from '../../src/errors';
import type { Target } from '../../src/ssh/target';
import { makeKey, type Sshd, type SshdOptions } from '../../testbed/sshd.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { expectKnown } from '../support/known-failures';
import { passwordsBy, script, startMachine, targetOf, withPasswords } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';

const hello = script('echo hello');
const password = 'it\'s $HOME & "ünïcode" #1';

function startWithPassword(options: SshdOptions = {}): Promise<Sshd> {
  const { config = passwordsBy('password'), ...others } = options;
  return startMachine({ etc: withPasswords({ root: password, guest: password }), config, ...others });
}

/** Files below /etc with which the password of guest is right, and to be changed first. */
function expired(): Record<string, string> {
  const etc = withPasswords({ guest: password });
  return { ...etc, shadow: String(etc.shadow).replace(':19000:', ':0:') };
}

async function expectHello(target: Target): Promise<void> {
  expect((await target.run(hello, [])).stdout).toBe('hello\n');
}

async function expectFailedOnce(sshd: Sshd): Promise<void> {
  const failures = () => sshd.log().match(/Failed (password|keyboard)/g) ?? [];
  await until('the failure is in the log', () => failures().length > 0);
  expect(failures()).toHaveLength(1);
}

/** An agent with these keys. */
async function startAgent(...paths: string[]): Promise<string> {
  const socket = join(temporaryFolder('agent'), 'socket');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  atEnd(() => void agent.kill());
  let said = '';
  agent.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('the agent listens', () => said.includes(socket));
  for (const path of paths)
    execFileSync('ssh-add', ['-q', path], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  return socket;
}

function keysIn(folder: string, count: number) {
  return Array.from({ length: count }, (_, index) => makeKey(join(folder, `key${index}`)));
}

describe('a password', () => {
  testEach([['password'], ['keyboard-interactive']])('logs in by %s', async (method) => {
    const sshd = await startWithPassword({ config: passwordsBy(method) });
    for (const user of ['root', 'guest'])
      await expectHello(targetOf(sshd, testRuntime(), { user, login: { password } }));
    const name = method === 'password' ? 'password' : 'keyboard-interactive/pam';
    expect(sshd.log()).toContain(`Accepted ${name} for guest`);
  });

  test('logs in where the key is not known, and again after a lost connection', async () => {
    const sshd = await startWithPassword();
    const { private: privateKey } = makeKey(join(temporaryFolder('key'), 'key'));
    const target = targetOf(sshd, testRuntime(), { login: { privateKey, password } });
    await expectHello(target);
    await sshd.restart();
    await expectHello(target);
    expect(sshd.log().match(/Accepted password/g)).toHaveLength(2);
  });

  test('is not sent where the key is enough', async () => {
    const sshd = await startWithPassword();
    const login = { privateKey: sshd.clientKey.private, password: 'wrong' };
    await expectHello(targetOf(sshd, testRuntime(), { login }));
    expect(sshd.log()).toContain('Accepted publickey');
    expect(sshd.log()).not.toContain('Failed');
  });

  test('follows the key where the server wants both', async () => {
    const sshd = await startWithPassword({
      config: [
        ...passwordsBy('keyboard-interactive'),
        'AuthenticationMethods publickey,keyboard-interactive',
      ],
    });
    const login = { privateKey: sshd.clientKey.private, password };
    await expectHello(targetOf(sshd, testRuntime(), { login }));
    const error = await failure(
      targetOf(sshd, testRuntime(), { login: { privateKey: sshd.clientKey.private } }).connect(),
    );
    expect(error.message).toContain('refused the key');
  });

  testEach([['password'], ['keyboard-interactive']])('that is wrong is tried once, by %s', async (method) => {
    const sshd = await startWithPassword({ config: passwordsBy(method) });
    const login = { password: 'not-the-password' };
    const error = await failure(targetOf(sshd, testRuntime(), { user: 'guest', login }).connect());
    expect(error).toMatchObject({
      reason: 'authentication',
      hint: expect.stringMatching(/ssh-password.*PermitRootLogin/),
    });
    expect(error.message).toMatch(/guest@127\.0\.0\.1:\d+ refused the password$/);
    expect(`${error.message} ${error.stack}`).not.toContain(login.password);
    await expectFailedOnce(sshd);
  });

  test('is not tried twice where both methods are offered', async () => {
    const sshd = await startWithPassword({ config: passwordsBy('password', 'keyboard-interactive') });
    await failure(targetOf(sshd, testRuntime(), { login: { password: 'wrong' } }).connect());
    await expectFailedOnce(sshd);
  });

  test('of root is refused by PermitRootLogin', async () => {
    const sshd = await startWithPassword({
      config: [...passwordsBy('password'), 'PermitRootLogin prohibit-password'],
    });
    const error = await failure(targetOf(sshd, testRuntime(), { login: { password } }).connect());
    expect(error).toMatchObject({ hint: expect.stringContaining('PermitRootLogin yes') });
  });

  test('is not sent to a server that lets in by keys only', async () => {
    const sshd = await startMachine();
    const error = await failure(targetOf(sshd, testRuntime(), { login: { password } }).connect());
    expect(error).toMatchObject({ reason: 'authentication' });
    expect(error.message).toMatch(/does not let root in by the password, only by publickey$/);
    const { private: privateKey } = makeKey(join(temporaryFolder('key'), 'key'));
    const both = await failure(targetOf(sshd, testRuntime(), { login: { privateKey, password } }).connect());
    expect(both.message).toMatch(
      /refused the key; it does not let root in by the password, only by publickey$/,
    );
  });

  test('that has expired is named', async () => {
    const sshd = await startMachine({ etc: expired(), config: passwordsBy('password') });
    const error = await failure(
      targetOf(sshd, testRuntime(), { user: 'guest', login: { password } }).run(hello, []),
    );
    expectKnown('password has expired', error);
  });

  test('is not the answer to another question', async () => {
    // after the right one it asks for a new one
    const sshd = await startMachine({ etc: expired(), config: passwordsBy('keyboard-interactive') });
    const error = await failure(
      targetOf(sshd, testRuntime(), { user: 'guest', login: { password } }).connect(),
    );
    expect(error).toMatchObject({ reason: 'authentication', hint: expect.stringContaining('expired') });
    expect(error.message).toContain('asks for something else than the password');
    expect((error as ConnectionError).lastLines).toContain('Current password: ');
  });

  test('gets past a hostile banner', async () => {
    const banner = join(temporaryFolder('banner'), 'banner');
    const lines = ['::error::owned', '##[add-mask]x', 'Password: ', '\u001b[2J\0', 'x'.repeat(5000)];
    writeFileSync(banner, `${lines.join('\n')}\n`.repeat(40));
    const sshd = await startWithPassword({
      config: [...passwordsBy('keyboard-interactive'), `Banner ${banner}`],
    });
    const runtime = testRuntime();
    await expectHello(targetOf(sshd, runtime, { user: 'guest', login: { password } }));
    expect(runtime.log.text).not.toContain('owned');
  });
});

describe('an ssh-agent', () => {
  test('logs in with the key that the machine knows', async () => {
    const [some, known] = keysIn(temporaryFolder('keys'), 2) as [
      ReturnType<typeof makeKey>,
      ReturnType<typeof makeKey>,
    ];
    const sshd = await startMachine({ authorizedKeys: [known.public] });
    const agentSocket = await startAgent(some.path, known.path);
    await expectHello(targetOf(sshd, testRuntime(), { login: { agentSocket } }));
    expect(sshd.log()).toContain('Accepted publickey');
  });

  testEach([['rsa'], ['ecdsa']])('logs in with an %s key', async (type) => {
    const key = makeKey(join(temporaryFolder('key'), 'key'), type);
    const sshd = await startMachine({ authorizedKeys: [key.public] });
    const agentSocket = await startAgent(key.path);
    await expectHello(targetOf(sshd, testRuntime(), { login: { agentSocket } }));
  });

  test('with too many keys does not flood the server', async () => {
    const keys = keysIn(temporaryFolder('keys'), 8);
    const sshd = await startMachine({ authorizedKeys: [String(keys[7]?.public)] });
    const agentSocket = await startAgent(...keys.map(({ path }) => path));
    const error = await failure(targetOf(sshd, testRuntime(), { login: { agentSocket } }).connect());
    expect(error.message).toContain('refused the keys of the ssh-agent');
    expect(error).toMatchObject({
      reason: 'authentication',
      hint: expect.stringContaining('has 8 keys, of which only the first 5 are offered'),
    });
    expect(sshd.log()).not.toContain('Too many');
  });

  test('and a server that has heard enough', async () => {
    const keys = keysIn(temporaryFolder('keys'), 4);
    const sshd = await startMachine({ config: ['MaxAuthTries 3'] });
    const agentSocket = await startAgent(...keys.map(({ path }) => path));
    const error = await failure(targetOf(sshd, testRuntime(), { login: { agentSocket } }).connect());
    expect(error).toMatchObject({ reason: 'authentication' });
    expectKnown('and ended the connection: too many authentication failures', error);
  });

  test('that is empty, or gone, is named', async () => {
    const sshd = await startMachine();
    const empty = await startAgent();
    const error = await failure(targetOf(sshd, testRuntime(), { login: { agentSocket: empty } }).connect());
    expect(error).toMatchObject({ hint: expect.stringContaining('has no key') });
    const gone = await failure(
      targetOf(sshd, testRuntime(), { login: { agentSocket: '/nonexistent' } }).connect(),
    );
    expect(gone).toMatchObject({
      reason: 'authentication',
      hint: expect.stringContaining('SSH_AUTH_SOCK failed'),
    });
  });

  test('that does not answer is given up', async () => {
    const sshd = await startMachine();
    const socket = join(temporaryFolder('silent'), 'socket');
    const server = createServer((connection) => void connection.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    atEnd(() => void server.close());
    const target = targetOf(sshd, testRuntime(), { login: { agentSocket: socket }, connectMs: 3000 });
    expect(await failure(target.connect())).toMatchObject({ kind: 'timeout' });
  });
});
