// How a connection comes about, and each way in which it does not, with a real sshd.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { ConnectionError, RemoteCommandError } from '../../src/errors';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { fingerprint } from '../../src/ssh/host-keys';
import { makeKey } from '../../testbed/sshd.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { expectKnown } from '../support/known-failures';
import { hostKeysOf, pinnedTo, script, startMachine, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { machineSettings } from '../support/settings';

const hello = script('echo hello');

/** As it stands in authorized_keys, from the last 32 bytes of what openssl calls it. */
function authorizedLine(publicKey: KeyObject): string {
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const start = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1');
  return `ssh-ed25519 ${Buffer.concat([start, raw]).toString('base64')}`;
}

/** Listens and never says a word, like a forwarded port behind which nobody is. */
async function silentServer(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, connections: () => connections };
}

describe('login', () => {
  test('with a key, over one connection however much is run', async () => {
    const sshd = await startMachine();
    const target = targetOf(sshd, testRuntime());
    const answers = await Promise.all([1, 2, 3].map(() => target.run(hello, [])));
    expect(answers.map(({ stdout }) => stdout)).toEqual(['hello\n', 'hello\n', 'hello\n']);
    expect(sshd.log().match(/Accepted publickey/g)).toHaveLength(1);
  });

  testEach([['rsa'], ['ecdsa']])('with an %s key', async (type) => {
    const key = makeKey(join(temporaryFolder('key'), 'key'), type);
    const sshd = await startMachine({ authorizedKeys: [key.public] });
    const target = targetOf(sshd, testRuntime(), { login: { privateKey: key.private } });
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
  });

  test('with an ed25519 key in PKCS#8 that has a passphrase, as it comes from the inputs', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const locked = { cipher: 'aes-256-cbc', passphrase: 'correct horse' };
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString();
    expect(pem).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const sshd = await startMachine({ authorizedKeys: [authorizedLine(publicKey)] });
    const settings = machineSettings({
      flake: '.#demo',
      'target-host': sshd.host,
      'ssh-private-key': pem,
      'ssh-private-key-passphrase': `${locked.passphrase}\n`,
    });
    const target = targetOf(sshd, testRuntime(), {
      login: { privateKey: settings.login.privateKey.reveal() },
    });
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
    expect(sshd.log()).toMatch(/Accepted publickey/);
  });

  test('refused: a wrong key, at once and with advice', async () => {
    const sshd = await startMachine();
    const { private: privateKey } = makeKey(join(temporaryFolder('key'), 'key'));
    const error = await failure(targetOf(sshd, testRuntime(), { login: { privateKey } }).connect());
    expect(error).toMatchObject({
      reason: 'authentication',
      hint: expect.stringContaining('authorized_keys'),
    });
    expect(error.message).toContain(`root@127.0.0.1:${sshd.port}`);
  });

  test('refused: a user who does not exist', async () => {
    const sshd = await startMachine();
    const error = await failure(targetOf(sshd, testRuntime(), { user: 'no-such-user' }).connect());
    expect(error).toMatchObject({ reason: 'authentication' });
    expect(error.message).toContain('no-such-user@');
  });
});

describe('no connection', () => {
  test('nothing listens: tried until the time is over, then said so', async () => {
    const sshd = await startMachine();
    await sshd.stop();
    const runtime = testRuntime();
    const start = Date.now();
    const error = await failure(targetOf(sshd, runtime, { connectMs: 3000 }).connect());
    expect(error).toMatchObject({ reason: 'refused', hint: expect.stringContaining('ssh-port') });
    expect(Date.now() - start).toBeGreaterThanOrEqual(2900);
    expect(runtime.log.text).toContain('connection refused');
  });

  test('a machine that comes up while we try is reached', async () => {
    const sshd = await startMachine();
    await sshd.stop();
    const target = targetOf(sshd, testRuntime());
    const connected = target.connect();
    const again = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
    await connected;
    expect(again.log()).toContain('Accepted publickey');
  });

  test('a port that accepts and says nothing', async () => {
    const sshd = await startMachine();
    const silent = await silentServer();
    const error = await failure(
      targetOf(sshd, testRuntime(), { port: silent.port, connectMs: 9000 }).connect(),
    );
    expect(error).toMatchObject({ reason: 'no-banner' });
    expect(error.message).toContain('accepts connections but says nothing');
    expect(silent.connections()).toBe(1);
  });

  test('a host name that does not exist', async () => {
    const sshd = await startMachine();
    // too long a label: no resolver needs to be asked
    const host = `${'a'.repeat(64)}.example`;
    const target = targetOf(sshd, testRuntime(), { endpoint: { host, port: 22, user: 'root' } });
    const error = await failure(target.connect());
    expect(error).toMatchObject({ reason: 'unknown-host', hint: expect.stringContaining('target-host') });
  });

  test('an abort ends connecting at once', async () => {
    const sshd = await startMachine();
    const silent = await silentServer();
    const controller = new AbortController();
    const connecting = targetOf(sshd, testRuntime(controller.signal), { port: silent.port }).connect();
    const start = Date.now();
    controller.abort(new Error('cancelled by the test'));
    expect((await failure(connecting)).message).toBe('cancelled by the test');
    expect(Date.now() - start).toBeLessThan(1000);
  });
});

describe('host keys', () => {
  test('another key than the pinned one is refused before the login, with both fingerprints', async () => {
    const sshd = await startMachine();
    const other = await startMachine();
    const error = await failure(
      targetOf(sshd, testRuntime(), { trust: pinnedTo(other, 'ed25519') }).connect(),
    );
    expect(error).toMatchObject({
      reason: 'host-key',
      hint: expect.stringContaining('compare the fingerprint'),
    });
    const [mine, theirs] = [...hostKeysOf(sshd, 'ed25519'), ...hostKeysOf(other, 'ed25519')].map(fingerprint);
    expect(error.message).toContain(`shows ssh-ed25519 ${mine}`);
    expect(error.message).toContain(`expected ssh-ed25519 ${theirs}`);
    // the key was never offered, so a server in between learns nothing
    expect(sshd.log()).not.toMatch(/publickey|userauth|authenticating user/);
  });

  testEach([['rsa'], ['ecdsa']])(
    'a pinned %s key is asked for, though the server has ed25519 too',
    async (type) => {
      const sshd = await startMachine({ hostKeys: ['ed25519', type] });
      const trust = pinnedTo(sshd, type);
      await targetOf(sshd, testRuntime(), { trust }).connect();
      expect(trust.offered).toEqual(hostKeysOf(sshd, type)[0]);
    },
  );

  test('a server without a key of the pinned type', async () => {
    const sshd = await startMachine();
    const other = await startMachine({ hostKeys: ['rsa'] });
    const error = await failure(targetOf(sshd, testRuntime(), { trust: pinnedTo(other, 'rsa') }).connect());
    expect(error).toMatchObject({ reason: 'host-key' });
    expect(error.message).toContain('no host key of the types that are expected');
  });

  test('a revoked key is refused, though it is pinned too', async () => {
    const sshd = await startMachine();
    const keys = hostKeysOf(sshd, 'ed25519');
    const error = await failure(
      targetOf(sshd, testRuntime(), { trust: HostKeyTrust.pinned(keys, keys) }).connect(),
    );
    expect(error).toMatchObject({ reason: 'host-key' });
    expect(error.message).toContain('marks as revoked');
  });

  test('the first key seen is held when another one comes back', async () => {
    const sshd = await startMachine();
    const target = targetOf(sshd, testRuntime());
    await target.connect();
    await sshd.stop();
    const other = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
    const error = await failure(target.run(hello, []).catch(() => target.run(hello, [])));
    expect(error).toMatchObject({ reason: 'host-key' });
    expect(other.log()).not.toContain('Accepted publickey');
  });

  test('keys read over a trusted connection are accepted later', async () => {
    const sshd = await startMachine();
    const target = targetOf(sshd, testRuntime());
    await target.connect();
    await sshd.stop();
    const other = await startMachine({ port: sshd.port, authorizedKeys: [sshd.clientKey.public] });
    target.trust.extend(hostKeysOf(other, 'ed25519'));
    await target.waitForBoot('an earlier one', 'the test', 10_000, 3);
    expect(target.isConnected).toBe(true);
  });

  test('rekeying under load asks for the same key again and loses nothing', async () => {
    const sshd = await startMachine({ config: ['RekeyLimit 4M 2s', 'LogLevel DEBUG'] });
    const target = targetOf(sshd, testRuntime(), { trust: pinnedTo(sshd, 'ed25519') });
    const noise = script(
      'i=0; while [ $i -lt 24 ]; do head -c 1048576 /dev/zero; i=$((i + 1)); sleep 0.1; done | tr "\\0" x',
    );
    const results = await Promise.all([1, 2, 3, 4].map(() => target.run(noise, [])));
    expect(results.map(({ stdout }) => stdout.length)).toEqual(Array(4).fill(24 * 1048576));
    expect(results.every(({ stdout }) => /^x+$/.test(stdout))).toBe(true);
    // the first key exchange and many more
    expect(sshd.log().match(/SSH2_MSG_KEXINIT received/g)?.length ?? 0).toBeGreaterThan(3);
  });
});

describe('servers that talk too much, or too little', () => {
  test('a banner and a noisy rc file do not get into the answer', async () => {
    const banner = join(temporaryFolder('banner'), 'banner');
    writeFileSync(banner, 'Authorised use only\n::set-output name=x::y\n');
    const sshd = await startMachine({ config: [`Banner ${banner}`] });
    // Debian's bash reads it for sshd's commands too; no line end, so that it runs into what follows
    writeFileSync(
      join(sshd.dir, 'home', '.bashrc'),
      'echo noise; printf "more noise"; echo error noise >&2\n',
    );
    const { stdout, errorLines } = await targetOf(sshd, testRuntime()).run(hello, []);
    expect(stdout).toBe('hello\n');
    // it was noisy indeed
    expect(errorLines).toEqual(['error noise']);
  });

  test('a forced command that asks for another user: its words and advice', async () => {
    const words = 'Please login as the user "ubuntu" rather than the user "root".';
    const sshd = await startMachine({ config: [`ForceCommand echo '${words}'; sleep 0.5; exit 142`] });
    const error = await failure(targetOf(sshd, testRuntime()).run(hello, []));
    if (!(error instanceof RemoteCommandError)) throw error;
    expect(error.lastLines).toContain(words);
    expectKnown('Please login as the user "ubuntu" rather than the user "root".', error);
  });

  test('a server that allows no further session says so', async () => {
    const sshd = await startMachine({ config: ['MaxSessions 1'] });
    const target = targetOf(sshd, testRuntime());
    await target.connect();
    const first = target.run(script('sleep 1; echo done'), []);
    const error = await failure(target.run(hello, []));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(error.message).toContain('refused to run a command');
    expect((await first).stdout).toBe('done\n');
  });
});
