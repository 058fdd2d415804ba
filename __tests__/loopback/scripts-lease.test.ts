import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseFields } from '../../src/plan/facts';
import { Machine, shells } from './scripts';

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const folder = '/run/nixos-anywhere';
const nobody = { run: '', attempt: '1', job: '', plan: 'digest', phase: 'build', boot, expiry: '60' };
type Caller = Partial<typeof nobody>;

const args = (verb: string, owner: string, caller: Caller): string[] => {
  const { run, attempt, job, plan, phase, boot: inBoot, expiry } = { ...nobody, ...caller };
  return [verb, owner, inBoot, expiry, run, attempt, job, plan, phase];
};

// flock: the machine has it; mkdir: it has not
describe.each(shells.flatMap((shell) => [[shell, 'flock'] as const, [shell, 'mkdir'] as const]))(
  'lease.sh under %s with %s',
  (shell, lock) => {
    let machine: Machine;
    let setup: string;
    beforeEach(() => {
      machine = new Machine(shell);
      const hide = 'mount --bind /dev/null "$(readlink -f "$(command -v flock)")"';
      setup = shell === 'dash' && lock === 'mkdir' ? hide : ':';
      // Debian's BusyBox has none of its own
      if (shell === 'busybox' && lock === 'flock') symlinkSync('/usr/bin/flock', `${machine.bin}/flock`);
    });
    afterEach(() => machine.remove());

    const ask = (verb: string, owner: string, caller: Caller = {}): Record<string, string> => {
      const { code, stdout, stderr } = machine.run('lease.sh', args(verb, owner, caller), { setup });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return Object.fromEntries(parseFields(stdout));
    };
    const take = (owner: string, caller?: Caller) => ask('take', owner, caller);
    const renew = (owner: string, caller?: Caller) => ask('renew', owner, caller);
    const release = (owner: string) =>
      expect(machine.run('lease.sh', ['release', owner], { setup })).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    const record = machineFile('lease');
    const edit = (change: (text: string) => string) =>
      writeFileSync(record(), change(readFileSync(record(), 'utf8')));
    const silentFor = (seconds: number) =>
      edit((text) => text.replace(/beat=(\d+)/, (_, beat) => `beat=${Number(beat) - seconds}`));

    function machineFile(name: string): () => string {
      return () => machine.path(`${folder}/${name}`);
    }

    test('is taken once, and again only by who has it', () => {
      expect(take('a', { run: 'https://x/1', attempt: '2', job: 'install on r1' })).toEqual({
        state: 'taken',
      });
      expect(take('b', { phase: 'disko' })).toEqual({
        state: 'held',
        run: 'https://x/1',
        attempt: '2',
        job: 'install on r1',
        phase: 'build',
        beat: expect.stringMatching(/^\d+$/),
        held: expect.stringMatching(/^\d$/),
        silent: expect.stringMatching(/^\d$/),
      });
      expect(take('a')).toMatchObject({ state: 'taken' });
      expect(renew('a', { phase: 'disko' })).toMatchObject({ state: 'taken' });
      expect(take('b')).toMatchObject({ state: 'held', phase: 'disko' });
    });

    test('is given back by who has it, and then free', () => {
      take('a');
      release('b');
      expect(take('b')).toMatchObject({ state: 'held' });
      release('a');
      expect(take('b')).toMatchObject({ state: 'taken' });
    });

    test('is taken from who has given no sign of life for long, who then finds it lost', () => {
      take('a', { run: 'first' });
      // real seconds pass as well, on a busy machine some
      silentFor(50);
      expect(take('b')).toMatchObject({ state: 'held', run: 'first' });
      silentFor(11);
      expect(take('b', { run: 'second' })).toMatchObject({
        state: 'expired',
        run: 'first',
        silent: expect.stringMatching(/^(6|7)\d$/),
      });
      expect(renew('a')).toMatchObject({ state: 'lost', run: 'second' });
      // also when the other one has gone again: it may have changed anything
      release('b');
      expect(renew('a')).toMatchObject({ state: 'lost', run: 'second' });
      expect(take('a')).toMatchObject({ state: 'taken' });
    });

    test('is kept after a long silence if nobody came', () => {
      take('a');
      silentFor(5000);
      expect(renew('a')).toMatchObject({ state: 'taken' });
      expect(take('b')).toMatchObject({ state: 'held', silent: expect.stringMatching(/^\d$/) });
    });

    test.each([
      ['a later attempt of its run', { attempt: '3', job: 'other' }, 'same-run'],
      ['the same job', {}, 'same-run'],
      ['an earlier attempt', { attempt: '1' }, 'held'],
      ['another job of the same attempt', { job: 'install on r2' }, 'held'],
      ['another run', { run: '2' }, 'held'],
      ['a run without a name', { run: '', job: '' }, 'held'],
    ])('and %s', (_, caller, state) => {
      const holder = { run: '1', attempt: '2', job: 'install on r1' };
      take('a', holder);
      expect(take('b', { ...holder, ...caller })).toMatchObject({ state });
    });

    test('of two runs without names is not taken for one of the same', () => {
      take('a');
      expect(take('b')).toMatchObject({ state: 'held' });
    });

    test('belongs to one boot', () => {
      expect(take('a', { boot: 'another' })).toEqual({ state: 'rebooted' });
      expect(existsSync(record())).toBe(false);
      take('a');
      expect(renew('a', { boot: 'another' })).toEqual({ state: 'rebooted' });
      // a record that was not lost with the machine's memory
      edit((text) => text.replace(boot, 'an-earlier-one'));
      expect(take('b')).toEqual({ state: 'taken' });
    });

    test.each(['', 'owner=a\n', 'owner=a\nboot=\nbeat=x\nsince=$(id)\nattempt=\n', 'beat=99999999999\n'])(
      'whose record is damaged is taken: %j',
      (text) => {
        mkdirSync(machine.path(folder), { recursive: true });
        writeFileSync(record(), text && `${text}boot=${boot}\n`);
        expect(take('b', { run: '1' }).state).toMatch(/^(taken|expired)$/);
        expect(renew('b')).toMatchObject({ state: 'taken' });
      },
    );

    test('keeps odd names as they are', () => {
      const run = `$(touch /tmp/pwned) 'x' "y" \\n & %s`;
      take('a', { run });
      expect(take('b')).toMatchObject({ state: 'held', run });
      expect(existsSync(machine.path('/tmp/pwned'))).toBe(false);
    });

    test('is taken by exactly one of many at the same moment', async () => {
      const owners = Array.from({ length: 8 }, (_, index) => `owner-${index}`);
      const running = owners.map((owner) => machine.start('lease.sh', args('take', owner, {}), { setup }));
      const answers = await Promise.all(running.map(({ ended }) => ended));
      const states = answers.map(({ stdout }) => parseFields(stdout).find(([name]) => name === 'state')?.[1]);
      expect(states.filter((state) => state === 'taken')).toHaveLength(1);
      expect(states.filter((state) => state === 'held')).toHaveLength(7);
    });

    test('does not wait for a caller that was killed', () => {
      mkdirSync(machine.path(folder), { recursive: true });
      if (lock === 'mkdir') mkdirSync(machine.path(`${folder}/lease.lock.d`));
      else writeFileSync(machine.path(`${folder}/lease.lock`), '');
      expect(take('a')).toEqual({ state: 'taken' });
      expect(existsSync(machine.path(`${folder}/lease.lock.d`))).toBe(false);
    });
  },
);
