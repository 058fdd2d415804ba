import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MarkerFilter, type Privilege, remoteCommand, type Script } from '../../src/ssh/remote-command';
import { chunked, nastyText } from './support';

const marker = '0b5c2d6e-9b1f-4c1e-8a55-0f5d6f3c1a77';
const script = (text: string): Script => ({ name: 'test.sh', text, repeatable: true });

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'remote-command-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly noise: string;
  readonly stderr: string;
}

/** Does what sshd does: hands the command line to the login shell with `-c`. */
function run(
  shell: readonly string[],
  text: string,
  args: readonly string[],
  stdin: Uint8Array = Buffer.alloc(0),
): Ran {
  const { line, preamble } = remoteCommand(script(text), args, 'none', marker);
  const [program = '', ...options] = shell;
  const result = spawnSync(program, [...options, '-c', line], {
    input: Buffer.concat([preamble, stdin]),
    env: { PATH: process.env.PATH ?? '', HOME: home },
  });
  if (result.error) throw result.error;
  const stdout: Buffer[] = [];
  const filter = new MarkerFilter(marker, (bytes) => stdout.push(bytes));
  filter.push(result.stdout);
  expect(filter.seen, result.stderr.toString()).toBe(true);
  return {
    code: result.status,
    stdout: Buffer.concat(stdout),
    noise: filter.noise,
    stderr: result.stderr.toString(),
  };
}

// what people have as login shells; fish and csh share no quoting with POSIX
const loginShells = ['sh', 'bash', 'dash', 'busybox sh', 'fish', 'csh', 'tcsh'];

describe.each(loginShells)('a remote command in the login shell %s', (name) => {
  const shell = name.split(' ');

  test('hands over any arguments and the exact standard input', () => {
    const bytes = fc.uint8Array({ maxLength: 2000 });
    fc.assert(
      fc.property(fc.array(nastyText, { maxLength: 5 }), bytes, (args, stdin) => {
        const { stdout, code } = run(shell, `for arg do printf '%s\\0' "$arg"; done\ncat\n`, args, stdin);
        const expected = Buffer.concat([Buffer.from(args.map((arg) => `${arg}\0`).join('')), stdin]);
        expect(stdout.equals(expected)).toBe(true);
        expect(code).toBe(0);
      }),
      { numRuns: 12 },
    );
  });

  test('gives the exit code of the script', () => {
    expect(run(shell, 'exit 42', []).code).toBe(42);
    expect(run(shell, 'set -eu\nfalse\n', []).code).toBe(1);
  });

  test('keeps the streams apart, runs scripts with here documents and comments, and sets the locale', () => {
    const text = `#!/bin/sh\n# it's "a" comment\ncat <<'X'\n$(not run) \`nor this\`\nX\necho "$LC_ALL $#" >&2\n`;
    const { stdout, stderr } = run(shell, text, ["it's", '$HOME']);
    expect(stdout.toString()).toBe('$(not run) `nor this`\n');
    expect(stderr).toBe('C 2\n');
  });
});

describe('remoteCommand', () => {
  test('needs no program that only an administrator has in the PATH', () => {
    expect(run(['sh'], 'echo "$PATH"', []).stdout.toString()).toMatch(/:\/usr\/sbin:\/sbin:/);
  });

  test('takes 1 MB of standard input after a long script', () => {
    const stdin = Buffer.alloc(1_000_000, 'x\n');
    const { stdout } = run(['sh'], `${'# padding\n'.repeat(2000)}wc -c`, [], stdin);
    expect(stdout.toString().trim()).toBe('1000000');
  });

  test('is not confused by what rc files print', () => {
    // bash reads it although it is not interactive, since its standard input is a socket, as sshd's is
    writeFileSync(join(home, '.bashrc'), `echo 'Welcome!'; echo; printf 'no line end'\n`);
    const { stdout, noise } = run(['bash'], 'echo answer', []);
    rmSync(join(home, '.bashrc'));
    expect(stdout.toString()).toBe('answer\n');
    expect(noise).toBe('Welcome!\n\nno line end');
  });

  test('upstream lesson: one privileged call, not several; without a value of a script in the command line', () => {
    const secret = 'not-for-the-process-list';
    const command = (privilege: Privilege) =>
      remoteCommand(script(`echo ${secret}`), [secret], privilege, marker).line;
    expect(command('none')).toMatch(/^exec sh -c 'eval "\$\(dd bs=1 count=\d+ 2>\/dev\/null\)"'$/);
    expect(command('sudo')).toMatch(/^exec env LC_ALL=C sudo -n sh -c /);
    expect(command('doas')).toMatch(/^exec doas -n sh -c /);
    expect(command('sudo-with-password')).toMatch(/^exec env LC_ALL=C sudo -k -S -p '[^']+' sh -c /);
    for (const privilege of ['none', 'sudo', 'sudo-with-password', 'doas'] as const) {
      expect(command(privilege)).not.toContain(secret);
      expect(command(privilege)).not.toContain(marker);
    }
  });

  test('counts bytes, not characters', () => {
    const { line, preamble } = remoteCommand(script('echo "äöü😀"'), ['ß'], 'none', marker);
    expect(line).toContain(`count=${preamble.length} `);
    expect(run(['dash'], 'echo "äöü😀$1"', ['ß'], Buffer.from('exit 9\n')).stdout.toString()).toBe(
      'äöü😀ß\n',
    );
  });
});

describe('MarkerFilter', () => {
  const filtered = (chunks: readonly Buffer[]) => {
    const forwarded: Buffer[] = [];
    const filter = new MarkerFilter(marker, (bytes) => forwarded.push(bytes));
    for (const chunk of chunks) filter.push(chunk);
    return { seen: filter.seen, noise: filter.noise, output: Buffer.concat(forwarded) };
  };

  test('cuts at the first marker line, however the bytes come', () => {
    const parts = fc.tuple(nastyText, fc.uint8Array());
    const whole = parts.map(([noise, output]) =>
      Buffer.concat([Buffer.from(`${noise}\n${marker}\n`), Buffer.from(output)]),
    );
    fc.assert(
      fc.property(chunked(whole), (chunks) => {
        const all = Buffer.concat(chunks);
        const at = all.indexOf(`\n${marker}\n`);
        expect(filtered(chunks)).toEqual({
          seen: true,
          noise: all.subarray(0, at).toString(),
          output: all.subarray(at + marker.length + 2),
        });
      }),
    );
  });

  test('forwards nothing without a marker line, or with only a part of one', () => {
    const near = fc.constantFrom('\n', marker, `\n${marker}`, `${marker}\n`, marker.slice(0, -1), 'x');
    const text = fc.array(near, { maxLength: 6 }).map((parts) => parts.join(''));
    const without = text.filter((each) => !each.includes(`\n${marker}\n`)).map((each) => Buffer.from(each));
    fc.assert(
      fc.property(chunked(without), (chunks) => {
        expect(filtered(chunks)).toEqual({
          seen: false,
          noise: Buffer.concat(chunks).toString(),
          output: Buffer.alloc(0),
        });
      }),
    );
  });

  test('a second marker line is output', () => {
    expect(filtered([Buffer.from(`\n${marker}\na\n${marker}\nb`)]).output.toString()).toBe(`a\n${marker}\nb`);
  });

  test('does not keep a flood of noise in memory, and still finds the marker after it', () => {
    const flood = Array.from({ length: 64 }, () => Buffer.alloc(256 * 1024, 'y\n'));
    const { seen, noise, output } = filtered([...flood, Buffer.from(`\n${marker}\n`), Buffer.from('ok')]);
    expect({ seen, output: output.toString() }).toEqual({ seen: true, output: 'ok' });
    expect(noise.length).toBeLessThan(1_000_000);
  });
});
