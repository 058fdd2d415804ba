// Each thing that can be wrong with connection, flake or Nix: its own message, advice, and a machine left alone.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { describe, expect } from 'vitest';
import { nixEnvironment, oldNixBin } from '../../testbed/paths.mts';
import { makeKey, type Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, configuration, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { startMachine } from '../support/machine';
import { temporaryFolder } from '../support/runtime';

/** The run failed in preflight; its annotation and its summary say this, with that advice. */
function expectRefusal(run: BundleRun, says: RegExp, advice: RegExp): void {
  expect(run.code, run.log).toBe(1);
  expect(run.errors).toHaveLength(1);
  expect(run.errors[0]).toMatch(says);
  expect(run.errors[0]).toMatch(new RegExp(`What to do: .*(${advice.source})`));
  expect(run.errors[0]).toMatch(
    /\n(The machine is untouched: .*\nHow to go on: |How to go on: no machine was contacted)/,
  );
  expect(run.result.failure).toMatchObject({ phase: 'preflight', message: expect.stringMatching(says) });
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
  expect(run.outputs.phases).toContain('"name":"preflight","outcome":"failure"');
  expect(run.summary).toContain('In phase preflight');
  expect(run.summary).toMatch(
    /^\*\*What to do:\*\* .*\n\n\*\*How to go on:\*\* no.* once the reason is gone$/m,
  );
}

async function runOn(change: Record<string, string>, sshd?: Sshd) {
  const machine = sshd ?? (await startMachine());
  return runBundle({ inputs: { ...inputsFor(machine, `${makeFlake()}#demo`), ...change } });
}

describe('the connection', () => {
  test('a port where nothing listens', async () => {
    const sshd = await startMachine();
    await sshd.stop();
    expectRefusal(await runOn({ 'connect-timeout': '2s' }, sshd), /connection refused/, /ssh-port/);
  });

  test('a port that accepts and says nothing', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const port = String(address.port);
    const ports = { 'ssh-port': port, 'post-kexec-ssh-port': port };
    const run = await runOn({ ...ports, 'known-hosts': '', 'connect-timeout': '9s' });
    expect(run.errors[0]).toMatch(/accepts connections but says nothing/);
    expect(run.result.failure?.kind).toBe('connection');
  });

  test('a host without a route', async () => {
    // no unicast address: every kernel refuses at once
    const run = await runOn({ 'target-host': '255.255.255.255', 'known-hosts': '', 'connect-timeout': '2s' });
    expectRefusal(run, /root@255\.255\.255\.255:\d+: /, /target-host/);
  });

  test('a host name that does not exist', async () => {
    const run = await runOn({ 'target-host': `${'a'.repeat(64)}.example`, 'known-hosts': '' });
    expectRefusal(run, /no such host name/, /target-host/);
  });

  test('a key that is not authorised', async () => {
    const { private: key } = makeKey(join(temporaryFolder('key'), 'key'));
    expectRefusal(await runOn({ 'ssh-private-key': key }), /refused the key/, /authorized_keys/);
  });

  test('a user who does not exist', async () => {
    const run = await runOn({ 'target-host': 'no-such-user@127.0.0.1' });
    expectRefusal(run, /no-such-user@127\.0\.0\.1:\d+ refused the key/, /user name in target-host/);
  });

  test('another host key than known-hosts says', async () => {
    const sshd = await startMachine();
    const other = makeKey(join(temporaryFolder('key'), 'key'));
    const run = await runOn({ 'known-hosts': `[127.0.0.1]:${sshd.port} ${other.public}` }, sshd);
    expectRefusal(
      run,
      /has another host key than expected: it shows .*SHA256:.*; expected .*SHA256:/,
      /fingerprint/,
    );
    expectFault('wrong host key before kexec', run);
    expect(sshd.log()).not.toMatch(/publickey|authenticating user/);
  });

  test('known-hosts for other machines only', async () => {
    const sshd = await startMachine();
    const run = await runOn({ 'known-hosts': `elsewhere.example ${sshd.clientKey.public}` }, sshd);
    expect(run.errors[0]).toContain(`has no key for [127.0.0.1]:${sshd.port}, only for elsewhere.example`);
    expect(sshd.log()).not.toContain('Connection from');
  });

  test('an account that names another user', async () => {
    const words = 'Please login as the user "ubuntu" rather than the user "root".';
    const sshd = await startMachine({ config: [`ForceCommand echo '${words}'; sleep 0.5; exit 142`] });
    const run = await runOn({}, sshd);
    expectRefusal(run, /did not run/, /target-host: user@host/);
    expect(run.summary).toContain(words);
  });
});

describe('the machine', () => {
  test('that runs no installer is not taken for one', async () => {
    // not a plan: the guard is what refuses it
    const run = await runOn({ phases: 'install', plan: 'false' });
    expectRefusal(run, /do(es)? not run one/, /add kexec to phases/);
  });

  test('that lacks what kexec needs', async () => {
    const run = await runOn({}, await startMachine({ hidden: ['cpio'] }));
    expectRefusal(run, /lacks cpio/, /install cpio/);
  });

  test('that lacks the disk of the configuration', async () => {
    const missing = configuration.replace('disk = { }', 'disk.main.device = "/dev/disk/by-id/missing"');
    const flake = makeFlake(`{ nixosConfigurations.demo = ${missing}; }`);
    const run = await runOn({ flake: `${flake}#demo` });
    expectRefusal(run, /no disk \/dev\/disk\/by-id\/missing/, /disko\.devices\.disk/);
    expectFault('disk missing', run);
    // what the plan would have been is shown all the same
    expect(run.outputs['plan-digest']).toMatch(/^sha256:/);
    expect(run.log).toContain('Plan: install');
  });

  test('that is another one than was meant', async () => {
    const run = await runOn({ 'expect-machine': 'f'.repeat(32) });
    expectRefusal(run, /but expect-machine says f{32}/, /check target-host/);
    expectFault('another machine at the address', run);
  });
});

describe('the flake', () => {
  test('without that configuration: the names that exist', async () => {
    const flake = makeFlake(`{ nixosConfigurations = { web = 1; "db.example.org" = 2; }; }`);
    const run = await runOn({ flake: `${flake}#wbe` });
    expectRefusal(
      run,
      /nixosConfigurations of the flake .* has no wbe; it has db\.example\.org, web/,
      /one of these names/,
    );
  });

  test('that does not evaluate: its own error', async () => {
    const flake = makeFlake(`{ nixosConfigurations.demo = throw "this host is retired"; }`);
    const run = await runOn({ flake: `${flake}#demo` });
    expect(run.errors[0]).toContain('this host is retired');
    expect(run.result.failure).toMatchObject({ kind: 'nix', phase: 'preflight' });
    expect(run.summary).toContain('this host is retired');
  });

  test('with a syntax error', async () => {
    const run = await runOn({ flake: `${makeFlake('{ = }')}#demo` });
    expect(run.errors[0]).toContain('syntax error');
  });

  test('without nixosConfigurations', async () => {
    const run = await runOn({ flake: `${makeFlake('{ }')}#demo` });
    expectRefusal(run, /has no nixosConfigurations/, /part before the #/);
  });

  test('that is not there', async () => {
    const run = await runOn({ flake: '/does/not/exist#demo' });
    expect(run.errors[0]).toContain('/does/not/exist');
    expect(run.result.failure?.kind).toBe('nix');
  });

  test('that lets nobody in: the key of the quickstart was not replaced', async () => {
    const closed = configuration.replace('ssh-ed25519 AAAA test', 'ssh-ed25519 CHANGE');
    const flake = `${makeFlake(`{ nixosConfigurations.demo = ${closed}; }`)}#demo`;
    expectRefusal(
      await runOn({ flake }),
      /of root hold a placeholder, with CHANGE/,
      /put your public key there/,
    );
    const open = await runOn({ flake, 'allow-lockout': 'true' });
    expect(open.code, open.log).toBe(0);
  });

  test('whose key files are not in git', async () => {
    const missing = configuration.replace('keys = [ "ssh-ed25519 AAAA test" ]', 'keyFiles = [ ./me.pub ]');
    const flake = makeFlake(`{ nixosConfigurations.demo = ${missing}; }`);
    const run = await runOn({ flake: `${flake}#demo` });
    expectRefusal(run, /files with authorized keys that do not exist: .*me\.pub/, /git add/);
  });

  test('without a disko script', async () => {
    const without = configuration.replace('diskoScript =', 'otherScript =');
    const run = await runOn({ flake: `${makeFlake(`{ nixosConfigurations.demo = ${without}; }`)}#demo` });
    expectRefusal(run, /has no config\.system\.build\.diskoScript/, /import the disko module/);
  });

  test('without a lock file: a warning, and the file is not written', async () => {
    const input = temporaryFolder('input');
    writeFileSync(join(input, 'flake.nix'), '{ outputs = _: { }; }\n');
    const flake = makeFlake(undefined, `inputs.other.url = "path:${input}";`);
    const git = (...args: string[]) => execFileSync('git', args, { cwd: flake, stdio: 'pipe' });
    git('init', '--quiet');
    git('add', '--all');
    const run = await runOn({ flake: `${flake}#demo` });
    expect(run.code, run.log).toBe(0);
    expect(run.warnings.filter((text) => text.includes('flake.lock'))).toHaveLength(1);
    expect(readdirSync(flake)).not.toContain('flake.lock');
    expect(git('status', '--porcelain').toString()).toBe('A  flake.nix\n');
  });
});

describe('the Nix of the runner', () => {
  /** A PATH with a few programs and this `nix`, a shell script. */
  function pathWith(nix?: string): string {
    const folder = temporaryFolder('path');
    for (const name of ['sh', 'sleep']) symlinkSync(join('/bin', name), join(folder, name));
    if (nix !== undefined) writeFileSync(join(folder, 'nix'), `#!/bin/sh\n${nix}\n`);
    if (nix !== undefined) chmodSync(join(folder, 'nix'), 0o755);
    return folder;
  }

  async function runWith(path: string, change: Record<string, string> = {}) {
    const sshd = await startMachine();
    const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), ...change };
    return { sshd, run: await runBundle({ inputs, env: { PATH: path } }) };
  }

  test('that is missing', async () => {
    const { run, sshd } = await runWith(pathWith());
    expectRefusal(run, /there is no nix on this runner/, /installs Nix 2\.18 or later/);
    expect(sshd.log()).not.toContain('Connection from');
  });

  test('that is too old', async () => {
    expect(existsSync(join(oldNixBin, 'nix'))).toBe(true);
    const { run } = await runWith(`${oldNixBin}${delimiter}${nixEnvironment().PATH}`);
    expectRefusal(
      run,
      /the Nix on this runner is 2\.8\S*; at least 2\.18 is needed/,
      /installs Nix 2\.18 or later/,
    );
  });

  test('that is no Nix', async () => {
    const { run } = await runWith(pathWith('echo "::set-output name=x::y"; exit 3'));
    expect(run.errors[0]).toContain('nix --version failed');
  });

  test('that hangs: ended after the idle time, with all its children', async () => {
    const mark = `9${process.pid}`;
    const hanging = `case $1 in --version) echo "nix (Nix) 2.26.3" ;; *) sleep ${mark} & wait ;; esac`;
    const start = Date.now();
    const { run } = await runWith(pathWith(hanging), { 'idle-timeout': '2s' });
    expect(run.errors[0]).toMatch(/nix eval: no output and no bytes for 2\.0 s/);
    expect(run.result.failure?.kind).toBe('timeout');
    expect(Date.now() - start).toBeLessThan(25_000);
    const running = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    expect(running).not.toContain(`sleep ${mark}`);
  });

  test('that hangs while the job is cancelled', async () => {
    const controller = new AbortController();
    const mark = join(temporaryFolder('mark'), 'hangs');
    const hanging = `case $1 in --version) echo "nix (Nix) 2.26.3" ;; *) : >${mark}; sleep 60 & wait ;; esac`;
    const inputs = inputsFor(await startMachine(), `${makeFlake()}#demo`);
    let cancelled = 0;
    const watch = setInterval(() => {
      if (!existsSync(mark)) return;
      clearInterval(watch);
      cancelled = Date.now();
      controller.abort();
    }, 50);
    const run = await runBundle({
      inputs,
      env: { PATH: pathWith(hanging) },
      signal: controller.signal,
    });
    expect(cancelled).toBeGreaterThan(0);
    expect(run.code).toBe(1);
    expect(run.errors[0]).toContain('the job was cancelled (SIGINT)');
    expect(run.result.failure?.kind).toBe('cancelled');
    // before the runner would send its second signal
    expect(Date.now() - cancelled).toBeLessThan(7500);
  });
});

test('a Nix that is installed beside others is found by PATH alone', async () => {
  const folder = join(temporaryFolder('path'), 'bin with blank');
  mkdirSync(folder);
  const real = execFileSync('sh', ['-c', 'command -v nix'], {
    env: nixEnvironment(),
    encoding: 'utf8',
  }).trim();
  symlinkSync(real, join(folder, 'nix'));
  const inputs = inputsFor(await startMachine(), `${makeFlake()}#demo`);
  const run = await runBundle({ inputs, env: { PATH: `${folder}:/usr/bin:/bin` } });
  expect(run.code, run.log).toBe(0);
});
