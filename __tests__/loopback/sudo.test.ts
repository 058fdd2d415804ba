// Becoming root, with the real sudo and doas.
import { describe, expect } from 'vitest';
import { gatherFacts } from '../../src/plan/facts';
import { findPrivilege } from '../../src/plan/privilege';
import { runDetached } from '../../src/ssh/detached';
import type { Target } from '../../src/ssh/target';
import type { Sshd } from '../../testbed/sshd.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { needlesOf } from '../support/leak';
import {
  type MachineOptions,
  passwordsBy,
  script,
  startMachine,
  targetOf,
  withPasswords,
} from '../support/machine';
import { failure, testRuntime } from '../support/runtime';
import { Watcher } from '../support/watcher';

const asRoot = { privileged: true } as const;
const whoAmI = script('id -u; cat');

/** The password by which guest logs in; sudo asks for the same one. */
const password = 'correct horse "$\' battery';

/** A machine with this in its sudoers file. */
function startWithSudo(sudoers: string, more: MachineOptions = {}): Promise<Sshd> {
  return startMachine({
    ...more,
    config: passwordsBy('password'),
    etc: { ...withPasswords({ guest: password, root: 'another' }), sudoers: `${sudoers}\n`, ...more.etc },
  });
}

function guestOn(sshd: Sshd, sudoPassword = password): Target {
  const login = { password, sudoPassword };
  return targetOf(sshd, testRuntime(), { user: 'guest', login });
}

async function becomeRoot(target: Target): Promise<void> {
  const { privilege } = await findPrivilege(target, await gatherFacts(target));
  expect(privilege).toBe('sudo-with-password');
}

async function expectRoot(target: Target): Promise<void> {
  const stdin = Buffer.from('a line\nand no line end');
  expect((await target.run(whoAmI, [], { ...asRoot, stdin })).stdout).toBe(`0\n${stdin.toString()}`);
}

describe('sudo with a password', () => {
  testEach([
    ['as Debian has it', 'Defaults use_pty\nguest ALL=(ALL) ALL'],
    ['without use_pty', 'Defaults !use_pty\nguest ALL=(ALL) ALL'],
    ['with a lecture each time', 'Defaults lecture=always\nguest ALL=(ALL) ALL'],
    ['with a prompt of its own', 'Defaults passprompt="Passwort: "\nguest ALL=(ALL) ALL'],
    ['with insults and one try', 'Defaults insults, passwd_tries=1\nguest ALL=(ALL) ALL'],
    ['that logs input and output', 'Defaults log_input, log_output, iolog_dir=/run/io\nguest ALL=(ALL) ALL'],
  ])('becomes root, %s', async (_, sudoers) => {
    const target = guestOn(await startWithSudo(sudoers));
    await becomeRoot(target);
    // it asks each time, and each time only the password goes to it
    await expectRoot(target);
    await Promise.all([expectRoot(target), expectRoot(target), expectRoot(target)]);
  });

  test('asks for root’s password where the sudoers file wants that', async () => {
    const sudoers = 'Defaults rootpw\nguest ALL=(ALL) ALL';
    const target = guestOn(await startWithSudo(sudoers), 'another');
    await becomeRoot(target);
    await expectRoot(target);
  });

  test('does not send a password that nobody asks for', async () => {
    const target = guestOn(await startWithSudo('guest ALL=(ALL) NOPASSWD: ALL'));
    expect((await findPrivilege(target, await gatherFacts(target))).privilege).toBe('sudo');
    target.privilege = 'sudo-with-password';
    await expectRoot(target);
  });

  test('tries a wrong password once, and says so', async () => {
    const sshd = await startWithSudo('Defaults passwd_tries=3, logfile=/run/sudo.log\nguest ALL=(ALL) ALL');
    const target = guestOn(sshd, 'wrong');
    const error = await failure(becomeRoot(target));
    expect(error.message).toBe('sudo does not let guest become root with the password');
    expect(error).toMatchObject({
      kind: 'guard',
      hint: expect.stringContaining('check sudo-password'),
      lastLines: expect.arrayContaining([expect.stringContaining('1 incorrect password attempt')]),
    });
    const root = targetOf(sshd, testRuntime());
    const { stdout } = await root.run(script('cat /run/sudo.log'), []);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('1 incorrect password attempt');
  });

  test('says that the user may not use it', async () => {
    const target = guestOn(await startWithSudo('root ALL=(ALL) ALL'));
    expect(await failure(becomeRoot(target))).toMatchObject({
      hint: expect.stringContaining('let this user run everything by sudo'),
      lastLines: expect.arrayContaining([expect.stringContaining('not in the sudoers file')]),
    });
  });

  test('says that it wants a terminal', async () => {
    const sudoers = 'Defaults requiretty\nguest ALL=(ALL) ALL';
    const target = guestOn(await startWithSudo(sudoers));
    expect(await failure(becomeRoot(target))).toMatchObject({
      hint: expect.stringContaining('requiretty'),
    });
  });

  test('works for detached work, pipes, failures and big input', async () => {
    const target = guestOn(await startWithSudo('guest ALL=(ALL) ALL'));
    await becomeRoot(target);
    const lines: string[] = [];
    await runDetached(target, {
      name: 'work',
      script: 'echo "$1 as $(id -u)"',
      args: ['works'],
      idleMs: 20_000,
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual(['works as 0']);

    const answer: Buffer[] = [];
    const channel = await target.pipe(script('id -u; cat'), [], {
      onOutput: (bytes) => answer.push(bytes),
      onErrorLine: () => undefined,
    });
    const closed = new Promise((resolve) => channel.on('close', resolve));
    channel.end('through the pipe');
    await closed;
    expect(Buffer.concat(answer).toString()).toBe('0\nthrough the pipe');

    const result = await target.run(script('echo problem >&2; exit 7'), [], { ...asRoot, anyExitCode: true });
    expect(result).toMatchObject({ code: 7, errorLines: ['problem'] });

    const stdin = Buffer.alloc(3_000_000, 'x');
    expect((await target.run(script('wc -c'), [], { ...asRoot, stdin })).stdout.trim()).toBe('3000000');
  });

  test('gets past what a shell’s start-up files print', async () => {
    const noise = 'printf "no line end"; printf "Password: " >&2; set -x';
    const sshd = await startWithSudo('guest ALL=(ALL) ALL', {
      etc: {
        // bash reads it although it is not interactive, since its standard input is a socket
        passwd: `root:x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nguest:x:54321:54321::/run:/bin/bash\n`,
        'bash.bashrc': noise,
      },
    });
    const target = guestOn(sshd);
    await becomeRoot(target);
    await expectRoot(target);
  });

  test('shows the password to nobody on the machine', async () => {
    const sshd = await startWithSudo(
      'Defaults log_input, log_output, iolog_dir=/run/io, logfile=/run/sudo.log\nguest ALL=(ALL) ALL',
    );
    const watcher = new Watcher(needlesOf([password]));
    atEnd(() => watcher.stop());
    watcher.watch(sshd.pid);
    const target = guestOn(sshd);
    await becomeRoot(target);
    // so long that everything is seen that runs beside it
    await target.run(script('sleep 0.5'), [], asRoot);
    watcher.stop();
    expect([...watcher.commands].join('\n')).toMatch(/sudo -k -S -p/);
    expect(watcher.sightings).toEqual([]);
    const root = targetOf(sshd, testRuntime());
    const search = script('grep -rlaF -D skip -f - /run /root /tmp /var/tmp || [ $? -le 2 ]');
    const found = await root.run(search, [], { stdin: Buffer.from(`${password}\n`) });
    expect(found.stdout).toBe('');
  });
});

describe('doas', () => {
  const startWithDoas = (rule: string) =>
    startWithSudo('', { hidden: ['sudo'], etc: { 'doas.conf': `${rule}\n` } });

  test('becomes root where it asks for no password', async () => {
    const sshd = await startWithDoas('permit nopass guest');
    const target = guestOn(sshd);
    const facts = await findPrivilege(target, await gatherFacts(target));
    expect(facts.privilege).toBe('doas');
    await expectRoot(target);
  });

  test('that asks for a password is no way', async () => {
    const sshd = await startWithDoas('permit guest');
    const target = guestOn(sshd);
    expect((await findPrivilege(target, await gatherFacts(target))).privilege).toBeUndefined();
  });
});
