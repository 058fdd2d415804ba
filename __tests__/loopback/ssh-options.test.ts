// The options of ssh-option, from the inputs to a real sshd that says what came of them.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { openTarget } from '../../src/open-target';
import { reportHostKeys } from '../../src/phases/report-host-keys';
import { makeKey, type Sshd } from '../../testbed/sshd.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { hostKeysOf, script, startMachine, startProxy } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';
import { machineSettings } from '../support/settings';

/** The machine as the action opens it. */
function opened(sshd: Sshd, inputs: Record<string, string>) {
  const settings = machineSettings(
    {
      flake: '.#test',
      'target-host': `root@${sshd.host}`,
      'ssh-port': String(sshd.port),
      'ssh-private-key': sshd.clientKey.private,
      'connect-timeout': '5s',
      ...inputs,
    },
    undefined,
    new Map([['env:DISK_KEY', { ok: Buffer.from('a passphrase') }]]),
  );
  const runtime = testRuntime();
  const target = openTarget(settings, runtime);
  atEnd(() => target.close());
  return { target, settings, runtime };
}

const hello = script('echo hello');
const debugging = { config: ['LogLevel DEBUG'] };

describe('where the machine is', () => {
  test('HostName, User and Port, where target-host is only a name', async () => {
    const sshd = await startMachine();
    const { target } = opened(sshd, {
      'target-host': '1',
      'ssh-port': '',
      'ssh-option': `HostName=127.0.0.%h\nUser=root\nPort=${sshd.port}`,
      'known-hosts': sshd.hostKeyLine('ed25519'),
    });
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
    expect(target.endpoint).toEqual({ host: '127.0.0.1', port: sshd.port, user: 'root' });
  });

  test('BindAddress', async () => {
    const sshd = await startMachine();
    await opened(sshd, { 'ssh-option': 'BindAddress=127.0.0.9' }).target.connect();
    expect(sshd.log()).toContain('Connection from 127.0.0.9');
    const error = await failure(opened(sshd, { 'ssh-option': 'BindAddress=192.0.2.99' }).target.connect());
    expect(error).toMatchObject({ reason: 'no-route', hint: 'check BindAddress in ssh-option' });
    expect(error.message).toContain('cannot connect from 192.0.2.99, which is no address of this runner');
  });

  test('AddressFamily', async () => {
    const sshd = await startMachine();
    const error = await failure(opened(sshd, { 'ssh-option': 'AddressFamily=inet6' }).target.connect());
    expect(error.message).toBe(`root@127.0.0.1:${sshd.port} is not IPv6`);
    await opened(sshd, { 'ssh-option': 'AddressFamily=inet' }).target.connect();
  });

  test('an address of IPv6, with brackets and in whatever form, pinned as OpenSSH writes it', async () => {
    const sshd = await startMachine({ config: ['ListenAddress ::1'] });
    const line = sshd.hostKeyLine('ed25519').replace('127.0.0.1', '::1');
    const inputs = { 'target-host': 'root@[0:0::0001]', 'known-hosts': line };
    const { target } = opened(sshd, inputs);
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
    expect(target.trust.isPinned).toBe(true);
    const { target: through } = opened(sshd, {
      ...inputs,
      'ssh-option': `ProxyJump=root@[::1]:${sshd.port}`,
    });
    expect((await through.run(hello, [])).stdout).toBe('hello\n');
  });
});

describe('how one speaks with it', () => {
  test('KexAlgorithms, Ciphers, MACs and Compression', async () => {
    const sshd = await startMachine(debugging);
    const { target } = opened(sshd, {
      'ssh-option': [
        'KexAlgorithms=diffie-hellman-group16-sha512',
        'Ciphers=^aes256-ctr',
        'MACs=hmac-sha1',
        'Compression=yes',
      ].join('\n'),
    });
    const text = 'x'.repeat(3_000_000);
    const { stdout } = await target.run(script('cat; head -c 3000000 /dev/zero | tr "\\0" y'), [], {
      stdin: Buffer.from(text),
    });
    expect(stdout === text + 'y'.repeat(3_000_000)).toBe(true);
    expect(sshd.log()).toContain('kex: algorithm: diffie-hellman-group16-sha512');
    expect(sshd.log()).toContain(
      'kex: client->server cipher: aes256-ctr MAC: hmac-sha1 compression: zlib@openssh.com',
    );
  });

  test('a machine that is too old: advice, with which it is reached', async () => {
    const sshd = await startMachine({
      config: ['KexAlgorithms diffie-hellman-group1-sha1', 'HostKeyAlgorithms ssh-rsa'],
      hostKeys: ['rsa'],
    });
    const known = { 'known-hosts': sshd.hostKeyLine('rsa') };
    const error = await failure(opened(sshd, known).target.connect());
    expect(error).toMatchObject({ reason: 'protocol', hint: expect.stringContaining('KexAlgorithms=+') });
    const options = 'KexAlgorithms=+diffie-hellman-group1-sha1\nHostKeyAlgorithms=+ssh-rsa';
    const { target } = opened(sshd, { ...known, 'ssh-option': options });
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
  });

  test('HostKeyAlgorithms, where nothing is pinned', async () => {
    const sshd = await startMachine({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
    const { target } = opened(sshd, { 'ssh-option': 'HostKeyAlgorithms=-ssh-ed25519,ecdsa-*' });
    await target.connect();
    expect(target.trust.offered).toEqual(hostKeysOf(sshd, 'rsa')[0]);
  });

  test('ConnectTimeout: what accepts and says nothing is given up then', async () => {
    const sshd = await startMachine();
    const silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    atEnd(() => void silent.close());
    const address = silent.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { target, runtime } = opened(sshd, { 'ssh-port': port, 'ssh-option': 'ConnectTimeout=1' });
    expect((await failure(target.connect())).message).toContain('(no SSH banner within 1 s)');
    expect(runtime.log.text).toContain('trying for 5.0 s in all');
  });

  test('ServerAliveInterval and ServerAliveCountMax: bytes that vanish are noticed then', async () => {
    const sshd = await startMachine();
    const proxy = await startProxy(sshd);
    const { target, runtime } = opened(sshd, {
      'ssh-port': String(proxy.port),
      'ssh-option': 'ServerAliveInterval=1\nServerAliveCountMax=1',
    });
    const work = target.run(script('sleep 1; echo done', true), []);
    await until('the work has begun', () => /Starting session/.test(sshd.log()));
    const start = Date.now();
    proxy.blackhole();
    await until('the drop shows', () => /was lost/.test(runtime.log.text));
    expect(Date.now() - start).toBeLessThan(6000);
    expect((await work).stdout).toBe('done\n');
  });
});

describe('whose host key is known', () => {
  test('UserKnownHostsFile', async () => {
    const [sshd, other] = await Promise.all([startMachine(), startMachine()]);
    const file = join(temporaryFolder('hosts'), 'known_hosts');
    writeFileSync(file, `# mine\n${sshd.hostKeyLine('ed25519')}\n`);
    const inputs = { 'ssh-option': `UserKnownHostsFile=${file}` };
    const { target } = opened(sshd, inputs);
    await target.connect();
    expect(target.trust.isPinned).toBe(true);
    expect(() => opened(other, inputs)).toThrow(/input ssh-option: has no key for \[127\.0\.0\.1\]/);
  });

  test('HostKeyAlias', async () => {
    const [sshd, other] = await Promise.all([startMachine(), startMachine()]);
    const line = sshd.hostKeyLine('ed25519').replace(/^\S+/, 'web-1');
    const inputs = { 'ssh-option': 'HostKeyAlias=web-1', 'known-hosts': line };
    await opened(sshd, inputs).target.connect();
    const error = await failure(opened(other, inputs).target.connect());
    expect(error).toMatchObject({ reason: 'host-key' });
    // the line to pin, where there is none
    const { 'known-hosts': _, ...unpinned } = inputs;
    const { target, settings, runtime } = opened(other, unpinned);
    await target.connect();
    reportHostKeys(settings, target, runtime.log);
    expect(runtime.log.text).toContain(`set known-hosts to:\nweb-1 ssh-ed25519 `);
  });
});

describe('ProxyJump', () => {
  const jump = (...hosts: Sshd[]) =>
    `ProxyJump=${hosts.map((host) => `root@127.0.0.1:${host.port}`).join(',')}`;

  test('two hops with a key of their own, pinned all three, and all of them told', async () => {
    const key = makeKey(join(temporaryFolder('key'), 'key'));
    const [first, second, sshd] = await Promise.all([
      startMachine({ authorizedKeys: [key.public] }),
      startMachine({ authorizedKeys: [key.public] }),
      startMachine(),
    ]);
    const { target, settings, runtime } = opened(sshd, {
      'ssh-option': jump(first, second),
      'jump-ssh-private-key': key.private,
      'known-hosts': [first, second, sshd].map((each) => each.hostKeyLine('ed25519')).join('\n'),
      'disk-encryption-keys': '/tmp/disk.key env:DISK_KEY',
    });
    expect((await target.run(hello, [])).stdout).toBe('hello\n');
    reportHostKeys(settings, target, runtime.log);
    expect(runtime.log.lines).toEqual([
      expect.stringMatching(`^The jump host root@127.0.0.1:${first.port}: host key .*, as known-hosts says$`),
      expect.stringMatching(`^The jump host root@127.0.0.1:${second.port}: host key`),
      expect.stringMatching('^The target: host key'),
    ]);
  });

  test('a jump host that is not pinned: a warning with its line, also where secrets are sent', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const inputs = {
      'ssh-private-key': sshd.clientKey.private,
      'jump-ssh-private-key': bastion.clientKey.private,
      'ssh-option': jump(bastion),
      'known-hosts': sshd.hostKeyLine('ed25519'),
      'disk-encryption-keys': '/tmp/disk.key env:DISK_KEY',
    };
    const { target, settings, runtime } = opened(sshd, inputs);
    await target.connect();
    reportHostKeys(settings, target, runtime.log);
    const [warning = ''] = runtime.log.lines;
    expect(warning).toMatch(/^warning: The jump host root@127\.0\.0\.1:\d+'s host key was not checked/);
    expect(warning).not.toContain('secrets');
    const line = warning.split('\n').at(-1) ?? '';
    expect(line).toBe(bastion.hostKeyLine('ed25519').split(' ').slice(0, 3).join(' '));
    // another one at that place is refused then
    const { target: pinned } = opened(sshd, {
      ...inputs,
      'known-hosts': `${inputs['known-hosts']}\n${line.replace(/ AAAA.*/, ` ${hostKeysOf(sshd, 'ed25519')[0]?.base64}`)}`,
    });
    expect(await failure(pinned.connect())).toMatchObject({ reason: 'jump-host' });
  });

  test('StrictHostKeyChecking=yes demands a line for it', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine()]);
    const { target } = opened(sshd, {
      'jump-ssh-private-key': bastion.clientKey.private,
      'ssh-option': `${jump(bastion)}\nStrictHostKeyChecking=yes`,
      'known-hosts': sshd.hostKeyLine('ed25519'),
    });
    const error = await failure(target.connect());
    expect(error).toMatchObject({ reason: 'jump-host' });
    expect(error.message).toContain('is not known, and ssh-option says StrictHostKeyChecking=yes');
    expect(bastion.log()).not.toMatch(/userauth|authenticating user|Accepted/);
  });

  testEach([['KexAlgorithms=diffie-hellman-group14-sha1'], ['Ciphers=aes256-cbc']])(
    'what an old machine needs (%s) is not asked of the jump host',
    async (option) => {
      const [bastion, sshd] = await Promise.all([
        startMachine(debugging),
        startMachine({ config: [option.replace('=', ' ')] }),
      ]);
      const { target } = opened(sshd, {
        'jump-ssh-private-key': bastion.clientKey.private,
        'ssh-option': `${jump(bastion)}\n${option}`,
      });
      expect((await target.run(hello, [])).stdout).toBe('hello\n');
      expect(bastion.log()).toContain('kex: algorithm: curve25519-sha256');
    },
  );
});
