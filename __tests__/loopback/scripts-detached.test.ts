import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Machine, shells } from './scripts';

const tasks = '/run/nixos-anywhere/tasks';

describe.each(shells)('detached work under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const start = (id: string, script: string, args: string[] = [], bytes = Buffer.byteLength(script)) =>
    machine.run('detached-start.sh', [id, String(bytes), ...args], { input: Buffer.from(script) });
  const follow = (id: string, offset = 0) => machine.run('detached-follow.sh', [id, String(offset)]);
  const leftovers = () => machine.run('leftovers.sh').stdout;
  const file = (id: string, name: string) => machine.path(`${tasks}/${id}/${name}`);
  const pidOf = (id: string) => Number(readFileSync(file(id, 'pid'), 'utf8').split(' ')[0]);

  async function until(what: () => boolean): Promise<void> {
    for (const end = performance.now() + 15_000; !what(); ) {
      if (performance.now() > end) throw new Error('waited 15 s in vain');
      await sleep(20);
    }
  }

  test('gives output of both streams and the exit code, and hands arguments over', () => {
    const script = `printf '%s|' "$@"; echo; echo to stderr >&2; exit 7\n`;
    expect(start('a-1', script, ["it's", '', 'two\nlines', '$HOME'])).toMatchObject({ code: 0, stderr: '' });
    expect(follow('a-1')).toEqual({
      code: 0,
      stdout: `it's||two\nlines|$HOME|\nto stderr\n`,
      stderr: 'ended 7\n',
    });
  });

  test('can be followed again from any offset, without loss and without repetition', () => {
    start('a-1', 'echo äöü; echo 12345; printf end');
    const whole = Buffer.from(follow('a-1').stdout);
    expect(whole.toString()).toBe('äöü\n12345\nend');
    for (const offset of [2, 7, whole.length - 1, whole.length, whole.length + 5]) {
      const { stdout, stderr } = follow('a-1', offset);
      expect({ stdout, stderr }).toEqual({ stdout: whole.subarray(offset).toString(), stderr: 'ended 0\n' });
    }
  });

  test('goes on when the follower is killed, and the next one reads on where that stopped', async () => {
    start('a-1', 'n=0; while [ $n -lt 40 ]; do n=$((n + 1)); echo "line $n"; sleep 0.05; done');
    const first = machine.start('detached-follow.sh', ['a-1', '0']);
    await until(() => first.output.stdout.includes('line 5\n'));
    first.child.kill('SIGKILL');
    const { stdout } = await first.ended;
    const rest = follow('a-1', Buffer.byteLength(stdout));
    const expected = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`).join('');
    expect(stdout + rest.stdout).toBe(expected);
    expect(rest.stderr).toBe('ended 0\n');
  });

  test('is shown while it runs', async () => {
    start('a-1', 'echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo second');
    const follower = machine.start('detached-follow.sh', ['a-1', '0']);
    await until(() => follower.output.stdout === 'first\n');
    expect(leftovers()).toBe('a-1 running\n');
    writeFileSync(machine.path('/tmp/go'), '');
    expect(await follower.ended).toMatchObject({ stdout: 'first\nsecond\n', stderr: 'ended 0\n' });
    expect(leftovers()).toBe('a-1 ended\n');
  });

  test('that was killed is said to have died, with what it had printed', async () => {
    start('a-1', 'echo begun; exec sleep 60');
    await until(() => readFileSync(file('a-1', 'log'), 'utf8') === 'begun\n');
    process.kill(-pidOf('a-1'), 'SIGKILL');
    expect(follow('a-1')).toEqual({ code: 0, stdout: 'begun\n', stderr: 'died\n' });
    expect(leftovers()).toBe('a-1 ended\n');
  });

  test('whose process number now belongs to another process is said to have died', async () => {
    start('a-1', 'exec sleep 60');
    await until(() => existsSync(file('a-1', 'pid')));
    process.kill(-pidOf('a-1'), 'SIGKILL');
    writeFileSync(file('a-1', 'pid'), `${process.pid} 12345\n`);
    expect(follow('a-1').stderr).toBe('died\n');
    expect(leftovers()).toBe('a-1 ended\n');
  });

  test('is started once, however often it is said', async () => {
    const script = 'echo run >>/tmp/runs; while [ ! -e /tmp/go ]; do sleep 0.1; done';
    start('a-1', script);
    expect(start('a-1', script)).toMatchObject({ code: 0 });
    // it runs: that the script came only in part this time does not matter
    expect(start('a-1', '', [], 1000)).toMatchObject({ code: 0 });
    writeFileSync(machine.path('/tmp/go'), '');
    expect(follow('a-1').stderr).toBe('ended 0\n');
    expect(readFileSync(machine.path('/tmp/runs'), 'utf8')).toBe('run\n');
  });

  test('is started once by two that come at the same moment', async () => {
    const script = 'echo run >>/tmp/runs';
    const both = [1, 2].map(() =>
      machine.start('detached-start.sh', ['a-1', String(script.length)], { holdInput: true }),
    );
    // both have found that nobody has started it
    const folder = machine.path(`${tasks}/a-1`);
    await until(() => existsSync(folder) && readdirSync(folder).length === 2);
    for (const { child } of both) child.stdin?.end(script);
    for (const { ended } of both) expect(await ended).toMatchObject({ code: 0 });
    expect(follow('a-1').stderr).toBe('ended 0\n');
    await sleep(300);
    expect(readFileSync(machine.path('/tmp/runs'), 'utf8')).toBe('run\n');
  });

  test('does not start when its script came only in part, and starts when it comes whole', () => {
    const script = 'touch /tmp/whole\n# and more that is lost\n';
    const cut = machine.run('detached-start.sh', ['a-1', String(script.length)], {
      input: Buffer.from(script.slice(0, 20)),
    });
    expect(cut).toMatchObject({ code: 1, stderr: 'the script came only in part\n' });
    expect(existsSync(file('a-1', 'started'))).toBe(false);
    expect(start('a-1', script).code).toBe(0);
    expect(follow('a-1').stderr).toBe('ended 0\n');
    expect(existsSync(machine.path('/tmp/whole'))).toBe(true);
  });

  test('has a session of its own and no stream of the connection', async () => {
    start('a-1', 'touch /tmp/up; exec sleep 60');
    await until(() => existsSync(machine.path('/tmp/up')));
    const pid = pidOf('a-1');
    const [, , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/.*\) . /, '')
      .split(' ');
    expect(Number(session)).toBe(pid);
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null');
    for (const stream of [1, 2])
      expect(readlinkSync(`/proc/${pid}/fd/${stream}`)).toMatch(/^\/dev\/null$|\/log$/);
    process.kill(-pid, 'SIGKILL');
  });

  test('keeps script and output from other users', () => {
    start('a-1', 'echo secret');
    const { stdout } = machine.run('leftovers.sh', [], {
      setup: `stat -c 'mode %a' ${tasks}/a-1 ${tasks}/a-1/*`,
    });
    const modes = stdout.split('\n').filter((line) => line.startsWith('mode'));
    expect(modes.length).toBeGreaterThan(4);
    for (const mode of modes) expect(mode).toMatch(/^mode [67]00$/);
  });

  test('that prints megabytes loses nothing', () => {
    start(
      'a-1',
      'n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); echo "line $n of very many lines to come"; done',
    );
    const { stdout } = follow('a-1');
    expect(stdout.length).toBeGreaterThan(700_000);
    expect(stdout.trimEnd().split('\n').length).toBe(20_000);
    expect(stdout.endsWith('line 20000 of very many lines to come\n')).toBe(true);
  });

  test('goes through systemd where there is one, with the environment of the caller', () => {
    // a stand-in: takes the options that systemd-run has, and fails on others
    writeFileSync(
      `${machine.bin}/systemd-run.real`,
      `#!/bin/sh
env=
while :; do
  case $1 in
  --quiet | --collect | --no-block) ;;
  --property=KillMode=process) ;;
  --setenv=*=*) env="$env '\${1#--setenv=}'" ;;
  -*) echo "unknown option $1" >&2; exit 1 ;;
  *) break ;;
  esac
  shift
done
eval "setsid env -i UNIT=yes $env \\"\\$@\\" >/dev/null 2>&1 </dev/null &"
`,
      { mode: 0o755 },
    );
    symlinkSync('systemd-run.real', `${machine.bin}/systemd-run`);
    const script = 'echo "$UNIT $1 $HOME $SUDO_USER."; exit 3';
    const { code, stderr } = machine.run('detached-start.sh', ['a-1', String(script.length), 'x y'], {
      input: Buffer.from(script),
      setup: 'mkdir -p /run/systemd/system; export SUDO_USER=someone',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(follow('a-1')).toMatchObject({ stdout: 'yes x y /root someone.\n', stderr: 'ended 3\n' });
  });

  test('goes on without systemd where that does not know the options', () => {
    writeFileSync(
      `${machine.bin}/systemd-run`,
      '#!/bin/sh\necho "systemd-run: unrecognized option \'--collect\'" >&2\nexit 1\n',
      { mode: 0o755 },
    );
    const script = 'echo "$1"; exit 3';
    const { code } = machine.run('detached-start.sh', ['a-1', String(script.length), 'x y'], {
      input: Buffer.from(script),
      setup: 'mkdir -p /run/systemd/system',
    });
    expect(code).toBe(0);
    expect(follow('a-1')).toMatchObject({ stdout: 'x y\n', stderr: 'ended 3\n' });
  });

  test('a follower whose reader has gone ends, though the work goes on', async () => {
    start('a-1', 'while [ ! -e /tmp/go ]; do echo tick; sleep 0.1; done');
    const follower = machine.start('detached-follow.sh', ['a-1', '0']);
    await until(() => follower.output.stdout.includes('tick'));
    follower.child.stdout?.destroy();
    const ended = await Promise.race([follower.ended.then(() => true), sleep(5000, false)]);
    follower.child.kill('SIGKILL');
    writeFileSync(machine.path('/tmp/go'), '');
    follow('a-1');
    expect(ended).toBe(true);
  });
});

describe.each(shells)('leftovers.sh under %s', (shell) => {
  test('finds nothing on a machine that never had any', () => {
    const machine = new Machine(shell);
    expect(machine.run('leftovers.sh')).toEqual({ code: 0, stdout: '', stderr: '' });
    machine.remove();
  });
});

test('work that was started but never began is said to have died, after a hundred looks', () => {
  const machine = new Machine('dash');
  // time passes quickly there
  writeFileSync(`${machine.bin}/sleep`, '#!/bin/sh\n', { mode: 0o755 });
  const setup = `mkdir -p ${tasks}/a-1/started; : >${tasks}/a-1/log`;
  expect(machine.run('detached-follow.sh', ['a-1', '0'], { setup })).toMatchObject({ stderr: 'died\n' });
  machine.remove();
});
