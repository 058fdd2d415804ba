// Disk encryption keys from their sources to a disko script on another machine, and that nothing of them stays there.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Target } from '../../src/ssh/target';
import type { ActionOptions } from '../../testbed/action.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { inputsFor, makeDiskoFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { expectNoLeak, LeakWatch, type OnTarget, tracesOnTarget } from '../support/leak';
import { becomeInstaller, script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime, until } from '../support/runtime';

/** Says of each key file what it is, lives for a while and fails if it is told to. */
const disko = `
  for file in /run/keys/env /root/exec "/root/with blank" /root/binary; do
    [ ! -e "$file" ] || echo "found: $(stat -c '%a %U' "$file") $(sha256sum <"$file" | cut -d' ' -f1) $file"
  done >/run/found
  echo "it has begun"
  sleep "$(cat /run/sleep 2>/dev/null || echo 0.7)"
  [ ! -e /run/fail ]`;

const binary = Buffer.concat([randomBytes(64), Buffer.from([0, 10, 13, 10])]);

/** Those of one test: others run at the same time. */
function makeMarkers() {
  const id = randomUUID();
  const texts = { env: `variable ${id}`, exec: `command ${id}`, line: `line ${id}`, pipe: `pipe ${id}` };
  return { ...texts, exec: `${texts.exec}\n${texts.line}\n`, short: 'ab#1', secrets: Object.values(texts) };
}

/** An installer, and what it takes to run disko there with all kinds of keys. */
async function withKeys() {
  const sshd = await startMachine();
  const observer = targetOf(sshd, testRuntime());
  await becomeInstaller(observer);
  const markers = makeMarkers();
  const own = temporaryFolder('sources');
  writeFileSync(join(own, 'exec'), markers.exec);
  writeFileSync(join(own, 'binary'), binary);
  const pipe = join(own, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const inputs: Record<string, string> = {
    ...inputsFor(sshd, `${makeDiskoFlake(disko)}#demo`),
    plan: 'false',
    phases: 'disko',
    'wipe-disks': 'any',
    'ssh-private-key': 'env:DEPLOY_KEY',
    'disk-encryption-keys': [
      '/run/keys/env env:DISK_KEY',
      `/root/exec exec:cat ${join(own, 'exec')}`,
      `"/root/with blank" ${pipe}`,
      `/root/binary ${join(own, 'binary')}`,
      '/root/short env:SHORT',
    ].join('\n'),
  };
  const env = { DEPLOY_KEY: sshd.clientKey.private, DISK_KEY: markers.env, SHORT: markers.short };
  const fill = () => {
    const writer = spawn('sh', ['-c', `printf %s '${markers.pipe}' >${pipe}`], { stdio: 'ignore' });
    atEnd(() => void writer.kill());
  };
  return { sshd, observer, own, inputs, env, fill, markers };
}

const onTarget =
  (target: Target): OnTarget =>
  async (command, input) =>
    (await target.run(script(command), [], { stdin: Buffer.from(input) })).stdout;

/** The computer's /tmp is not the machine's own. */
const folders = ['/run', '/root', '/var/tmp', '/mnt', '/etc'];

async function expectNoTrace(observer: Target, secrets: readonly string[]): Promise<void> {
  expect(await tracesOnTarget(onTarget(observer), [...secrets, 'ab#1'], folders)).toEqual([]);
  const { stdout } = await observer.run(
    script('ls -A /run/keys /root; ls /run/nixos-anywhere/secrets 2>/dev/null; true'),
    [],
  );
  expect(stdout).not.toMatch(/env|exec|blank|binary|short|secrets/);
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

async function watched(
  sshd: Sshd,
  secrets: readonly string[],
  options: Pick<ActionOptions, 'inputs' | 'env'> & Partial<ActionOptions>,
) {
  const dir = temporaryFolder('disk-keys');
  const watch = new LeakWatch(dir, secrets, ['DISK_KEY=', 'SHORT=']);
  watch.watcher.watch(sshd.pid);
  const run = await runBundle({
    ...options,
    dir,
    onStart: (child) => {
      watch.onStart(child);
      options.onStart?.(child);
    },
    onLine: (line) => {
      watch.onLine();
      options.onLine?.(line);
    },
  });
  watch.stop();
  return { ...run, watch };
}

describe('disk encryption keys', () => {
  test('reach disko byte for byte from every source, for root alone, and are gone afterwards', async () => {
    const { sshd, observer, own, inputs, env, fill, markers } = await withKeys();
    fill();
    const run = await watched(sshd, markers.secrets, { inputs: { ...inputs, debug: 'true' }, env });
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
    const { stdout } = await observer.run(script('cat /run/found; stat -c "%a %n" /run/keys'), []);
    expect(stdout).toBe(
      [
        `found: 600 root ${sha256(markers.env)} /run/keys/env`,
        `found: 600 root ${sha256(markers.exec)} /root/exec`,
        `found: 600 root ${sha256(markers.pipe)} /root/with blank`,
        `found: 600 root ${sha256(binary)} /root/binary`,
        '700 /run/keys\n',
      ].join('\n'),
    );
    // the watcher has seen the work on the target
    expect([...run.watch.watcher.commands].join('\n')).toMatch(/sh .*\/run\/nixos-anywhere\/tasks\/disko/);
    expectNoLeak(run, markers.secrets, [own]);
    await expectNoTrace(observer, markers.secrets);
    // a short one is masked as a whole
    expect(run.log).toContain(`::add-mask::${markers.short}\n`);
    expect(run.warnings.filter((text) => text.includes('ends in a newline'))).toEqual([
      expect.stringContaining('/root/exec'),
    ]);
  });

  test('are gone when disko fails', async () => {
    const { sshd, observer, own, inputs, env, fill, markers } = await withKeys();
    await observer.run(script('touch /run/fail'), []);
    fill();
    const run = await watched(sshd, markers.secrets, { inputs, env });
    expect(run.result.failure).toMatchObject({ phase: 'disko', kind: 'remote-command' });
    expect((await observer.run(script('cat /run/found'), [])).stdout).toContain('/run/keys/env');
    expectNoLeak(run, markers.secrets, [own]);
    await expectNoTrace(observer, markers.secrets);
  });

  test('are gone when the job is cancelled during disko, once that has ended', async () => {
    const { sshd, observer, own, inputs, env, fill, markers } = await withKeys();
    await observer.run(script('echo 8 >/run/sleep'), []);
    fill();
    const cancel = new AbortController();
    const onLine = (line: string) => {
      if (line.startsWith('disko> it has begun')) cancel.abort();
    };
    const run = await watched(sshd, markers.secrets, { inputs, env, onLine, signal: cancel.signal });
    expect(run.result.failure).toMatchObject({ kind: 'cancelled' });
    expectNoLeak(run, markers.secrets, [own]);
    // it would fail in the middle without them
    const task = 'cat /run/nixos-anywhere/tasks/disko-*/exit 2>/dev/null; ls /run/keys/env';
    const still = await observer.run(script(task), [], { anyExitCode: true });
    expect(still.stdout).toBe('/run/keys/env\n');
    const gone = 'while [ -e /run/keys/env ]; do sleep 0.2; done; cat /run/nixos-anywhere/tasks/disko-*/exit';
    expect((await observer.run(script(gone), [])).stdout).toBe('0\n');
    await sleep(300);
    await expectNoTrace(observer, markers.secrets);
  });

  test('that a killed run left are removed by the next one', async () => {
    const { observer, inputs, env, fill, markers } = await withKeys();
    await observer.run(script('echo 3 >/run/sleep'), []);
    fill();
    let child: ChildProcess | undefined;
    const killed = runBundle({
      inputs,
      env,
      onStart: (started) => {
        child = started;
      },
      onLine: (line) => {
        if (line.startsWith('disko> it has begun')) child?.kill('SIGKILL');
      },
    });
    // it has had no time to write a result
    await killed.catch(() => undefined);
    const left = await tracesOnTarget(onTarget(observer), markers.secrets, folders);
    expect(left.toSorted()).toEqual(['/root/exec', '/root/with blank', '/run/keys/env']);
    const { 'disk-encryption-keys': _, ...without } = inputs;
    const run = await runBundle({ inputs: without, env });
    expect(run.code, run.log).toBe(0);
    await expectNoTrace(observer, markers.secrets);
  });

  test('do not replace a file that is there', async () => {
    const { sshd, observer, inputs, env, fill, markers } = await withKeys();
    await observer.run(script('echo mine >/root/binary'), []);
    fill();
    const run = await watched(sshd, markers.secrets, { inputs, env });
    expect(run.result.failure?.message).toContain('/root/binary is there already');
    expect(
      (await observer.run(script('cat /root/binary; ls /run/found'), [], { anyExitCode: true })).stdout,
    ).toBe('mine\n');
    await observer.run(script('rm /root/binary'), []);
    await expectNoTrace(observer, markers.secrets);
  });
});

describe('a run whose secrets cannot be read', () => {
  test('names every input, with the exit code of the command and without what it printed', async () => {
    // not in the command itself, which is an argument of the shell that runs it
    const secret = join(temporaryFolder('secret'), 'key');
    writeFileSync(secret, 'marker-of-the-key\n');
    const sshd = await startMachine();
    const inputs = {
      ...inputsFor(sshd, '.#demo'),
      'ssh-private-key': `exec:cat ${secret}; sed 's/^/bad: /' ${secret} >&2; exit 42`,
      'disk-encryption-keys': '/tmp/a env:NOT_SET\n/tmp/b env:EMPTY',
      'connect-timeout': 'soon',
    };
    const run = await watched(sshd, ['marker-of-the-key'], { inputs, env: { EMPTY: '' } });
    expect(run.errors[0]).toContain(
      'input ssh-private-key: the exec: command ended with exit code 42, and said:\n  bad: ***',
    );
    expect(run.errors[0]).toContain('input disk-encryption-keys: /tmp/a: the variable NOT_SET is not set');
    expect(run.errors[0]).toContain('input disk-encryption-keys: /tmp/b: the variable EMPTY is empty');
    expect(run.errors[0]).toContain('input connect-timeout: ');
    expect(run.result.failure).toMatchObject({ kind: 'input', phase: null });
    expectNoLeak(run, ['marker-of-the-key']);
    expect(sshd.log()).not.toContain('Connection from');
  });

  test('a command is told to end when the job is cancelled', async () => {
    const sshd = await startMachine();
    const mark = join(temporaryFolder('mark'), 'pid');
    const cancel = new AbortController();
    const inputs = {
      ...inputsFor(sshd, '.#demo'),
      'ssh-private-key': `exec:echo $$ >${mark}; exec sleep 30`,
    };
    const running = runBundle({ inputs, signal: cancel.signal });
    await until(
      'the command runs',
      () => execFileSync('sh', ['-c', `cat ${mark} 2>/dev/null || true`]).length > 1,
    );
    cancel.abort();
    const run = await running;
    expect(run.result.failure).toMatchObject({ kind: 'cancelled' });
    const pid = execFileSync('cat', [mark], { encoding: 'utf8' }).trim();
    await until(
      'the command has ended',
      () => execFileSync('sh', ['-c', `kill -0 ${pid} 2>/dev/null && echo on || true`]).length === 0,
    );
  });
});

describe('an unpinned machine', () => {
  test('gets no secret, and its key is printed as the line that pins it', async () => {
    const { sshd, observer, inputs, env, fill, markers } = await withKeys();
    fill();
    const { 'known-hosts': _, ...unpinned } = inputs;
    const run = await watched(sshd, markers.secrets, { inputs: unpinned, env });
    expectFault('secrets for a host that is not pinned', run);
    expect(run.errors[0]).toContain(sshd.hostKeyLine('ed25519').split(' ').slice(0, 3).join(' '));
    expect((await observer.run(script('ls /run/found'), [], { anyExitCode: true })).code).not.toBe(0);
    await expectNoTrace(observer, markers.secrets);
  });

  test('may be planned, with a warning that the install stops', async () => {
    const { inputs, env, fill } = await withKeys();
    fill();
    const { 'known-hosts': _, ...unpinned } = inputs;
    const run = await runBundle({ inputs: { ...unpinned, plan: 'true' }, env });
    expect(run.code, run.log).toBe(0);
    expect(run.warnings.join('\n')).toContain('Without it the install stops here, because it sends secrets');
  });
});

describe('the controls on the target', () => {
  test('a secret in a file, an argument or a variable there is found', async () => {
    const { sshd, observer, markers } = await withKeys();
    const watch = new LeakWatch(temporaryFolder('control'), markers.secrets);
    watch.watcher.watch(sshd.pid);
    const leaky = `mkdir /run/deep; printf 'x %s y' "$1" >/run/deep/file
      VARIABLE="$1" sh -c 'sleep 0.5; :'; sh -c 'sleep 0.5; :' "$1"`;
    await observer.run(script(leaky), [markers.env]);
    watch.stop();
    expect(await tracesOnTarget(onTarget(observer), markers.secrets, folders)).toEqual(['/run/deep/file']);
    const seen = new Set(watch.watcher.sightings.map(({ where }) => where));
    // another user's environment cannot be read
    expect(seen).toEqual(new Set(process.getuid?.() === 0 ? ['arguments', 'environment'] : ['arguments']));
  });
});
