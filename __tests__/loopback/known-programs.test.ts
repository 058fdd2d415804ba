// What programs of the machine say when they fail: those that unpack the kexec image, shells, sudo and doas.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { stageKexecImage } from '../../src/phases/kexec-image';
import { execScript, runDetached } from '../../src/ssh/detached';
import { authorize, identity } from '../../src/ssh/scripts';
import type { Target } from '../../src/ssh/target';
import { test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { expectKnown } from '../support/known-failures';
import {
  type MachineOptions,
  passwordsBy,
  script,
  startMachine,
  targetOf,
  withPasswords,
} from '../support/machine';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';

/** Fails to bring this kexec image to a machine. */
async function failToStage(kexec: string, machine: MachineOptions = {}): Promise<Error> {
  const sshd = await startMachine(machine);
  const runtime = testRuntime();
  const context = await contextOf(sshd, targetOf(sshd, runtime), runtime, { kexec });
  return failure(stageKexecImage(context, runtime.signal));
}

/** A tarball of a MiB that does not shrink, packed with this. */
function packed(...packer: readonly [string, ...string[]]): Buffer {
  const folder = temporaryFolder('image');
  execFileSync('dd', ['if=/dev/urandom', `of=${join(folder, 'initrd')}`, 'bs=1M', 'count=1'], {
    stdio: 'ignore',
  });
  const tar = execFileSync('tar', ['-c', '-C', folder, 'initrd'], { maxBuffer: 1 << 22 });
  const [program, ...args] = packer;
  return execFileSync(program, args, { input: tar, maxBuffer: 1 << 22 });
}

function imageOf(contents: Buffer): string {
  const file = join(temporaryFolder('image'), 'image');
  writeFileSync(file, contents);
  return file;
}

describe('a kexec image', () => {
  testEach<string, readonly [string[], string]>([
    ['gzip', [['gzip'], 'gzip: stdin: unexpected end of file']],
    ['xz', [['xz'], 'xz: (stdin): Unexpected end of input']],
    ['zstd', [['zstd'], '/*stdin*\\ : Read error (39) : premature end']],
    ['nothing', [['cat'], 'tar: Unexpected EOF in archive']],
  ])('that ends in the middle, packed with %s', async (_, [packer, words]) => {
    const [program = '', ...args] = packer;
    expectKnown(words, await failToStage(imageOf(packed(program, ...args).subarray(0, 500_000))));
  });

  testEach<string, readonly [string[], string]>([
    ['gzip', [['gzip'], 'gzip: stdin: invalid compressed data--crc error']],
    ['xz', [['xz'], 'xz: (stdin): Compressed data is corrupt']],
    [
      'zstd',
      [['zstd', '--check'], "/*stdin*\\ : Decoding error (36) : Restored data doesn't match checksum"],
    ],
  ])('that was changed on its way, packed with %s', async (_, [packer, words]) => {
    const [program = '', ...args] = packer;
    const image = packed(program, ...args);
    image.fill(0, 400_000, 402_000);
    expectKnown(words, await failToStage(imageOf(image)));
  });

  test('that is a web page', async () => {
    const page = Buffer.from(`<html>${'Not found. '.repeat(1000)}</html>`);
    expectKnown('tar: This does not look like a tar archive', await failToStage(imageOf(page)));
  });

  test('at a name that nobody knows', async () => {
    const url = 'http://nowhere.invalid/image.tar.gz';
    expectKnown(
      'fetching the kexec image http://nowhere.invalid/image.tar.gz failed: fetch failed: getaddrinfo …',
      await failToStage(url),
    );
  });

  test('for which there is no room', async () => {
    const sshd = await startMachine();
    const runtime = testRuntime();
    const target = targetOf(sshd, runtime);
    await target.run(
      script('for dir in /root /var/tmp /home /tmp /run; do mount -t tmpfs -o size=400k none $dir; done'),
      [],
    );
    const context = await contextOf(sshd, target, runtime, { kexec: imageOf(packed('gzip')) });
    const error = await failure(stageKexecImage(context, runtime.signal));
    expectKnown('the kexec image could not be unpacked: … (0 KiB free in /root/nixos-anywhere)', error);
    expectKnown('tar: initrd: Wrote only … of … bytes', error);
  });
});

async function machineWith(text: string): Promise<Target> {
  const target = targetOf(await startMachine(), testRuntime());
  await target.run(script(`set -e\n${text}`), []);
  return target;
}

const work = (name: string, text: string) => ({
  name,
  script: text,
  args: [],
  idleMs: 20_000,
  onLine: () => undefined,
});

describe('kexec/run', () => {
  const image = '/root/nixos-anywhere/image/kexec';

  testEach<string, readonly [string, string]>([
    ['needs an interpreter that is not there', ["printf '#!/not/there\\n'", 'kexec/run: not found']],
    ['is for another architecture', ["printf '\\177ELF\\2\\1\\1%057d' 0", 'kexec/run: …Exec format error']],
  ])('that %s', async (_, [contents, words]) => {
    const target = await machineWith(`mkdir -p ${image}; ${contents} >${image}/run; chmod 755 ${image}/run`);
    const run = runDetached(target, work('kexec', execScript(`${image}/run`)));
    expectKnown(words, await failure(run));
  });
});

describe('a program that is killed', () => {
  testEach<string, string>([
    ['sh', 'Killed'],
    ['bash', 'bash: line 1:  … Killed                  bash -c'],
  ])('says so in the words of %s', async (shell, words) => {
    const target = await machineWith('true');
    const text = `${shell} -c "${shell} -c 'kill -9 \\$\\$'; exit 1"`;
    expectKnown(words, await failure(runDetached(target, work('disko', text))));
  });
});

describe('root’s authorized_keys', () => {
  test('on a file system that cannot be written', async () => {
    const target = await machineWith(
      'mkdir -p /root/.ssh; mount -t tmpfs none /root/.ssh; touch /root/.ssh/authorized_keys; mount -o remount,ro /root/.ssh',
    );
    const error = await failure(target.run(authorize, ['ssh-ed25519 AAAA x'], { privileged: true }));
    expectKnown('/root/.ssh/authorized_keys: Read-only file system', error);
  });
});

describe('a user who may not become root', () => {
  async function guestOn(etc: Record<string, string>, hidden: string[] = []): Promise<Target> {
    const password = 'a password of guest’s';
    const passwords = withPasswords({ guest: password });
    const sshd = await startMachine({
      hidden,
      config: passwordsBy('password'),
      etc: { ...passwords, ...etc },
    });
    return targetOf(sshd, testRuntime(), { user: 'guest', login: { password } });
  }

  test('because sudo wants a password', async () => {
    const target = await guestOn({ sudoers: 'guest ALL=(ALL) ALL\n' });
    target.privilege = 'sudo';
    const error = await failure(target.run(identity, [], { privileged: true }));
    expectKnown('sudo: a password is required', error);
  });

  test('because sudo wants a terminal', async () => {
    const target = await guestOn({ sudoers: 'Defaults requiretty\nguest ALL=(ALL) NOPASSWD: ALL\n' });
    target.privilege = 'sudo';
    const error = await failure(target.run(identity, [], { privileged: true }));
    expectKnown('sudo: sorry, you must have a tty to run sudo', error);
  });

  test('because doas wants a password', async () => {
    const target = await guestOn({ 'doas.conf': 'permit guest\n' }, ['sudo']);
    target.privilege = 'doas';
    const error = await failure(target.run(identity, [], { privileged: true }));
    expectKnown('doas: Authentication required', error);
  });
});

test('a login shell that says no', async () => {
  const sshd = await startMachine({ config: ['ForceCommand /usr/sbin/nologin'] });
  const error = await failure(targetOf(sshd, testRuntime()).run(identity, []));
  expectKnown('This account is currently not available.', error);
});

test('a login shell that ends', async () => {
  const sshd = await startMachine({ config: ['ForceCommand exit 3'] });
  const error = await failure(targetOf(sshd, testRuntime()).run(identity, []));
  expectKnown('the target did not run identity.sh, it ended with exit code 3', error);
});

// as agenix calls it when nixos-install activates the new system
test('secrets that are encrypted for another host', async () => {
  const target = await machineWith('age-keygen -o /root/key; age-keygen -o /root/other');
  const text = `echo secret | age -r "$(age-keygen -y /root/other)" >/root/secret.age
    age --decrypt -i /root/key /root/secret.age`;
  const run = runDetached(target, work('nixos-install', text));
  expectKnown('age: error: no identity matched any of the recipients', await failure(run));
});
