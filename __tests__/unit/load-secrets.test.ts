// Where secrets come from, with real commands, files and pipes.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childEnvironment } from '../../src/child-environment';
import { loadSecrets } from '../../src/inputs/load-secrets';
import type { Parsed } from '../../src/inputs/parsers';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { keyOf, parseSecretSource } from '../../src/inputs/secret-source';
import { SpawnRunner } from '../../src/process';
import { systemClock } from '../../src/runtime';
import { SecretRegistry } from '../../src/secrets';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'load-secrets-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function load(
  raw: RawInputs,
  variables: Record<string, string> = {},
  signal = new AbortController().signal,
) {
  const masks: string[] = [];
  const secrets = new SecretRegistry((mask) => masks.push(mask));
  const environment = { PATH: process.env.PATH, ...variables };
  const processes = new SpawnRunner(() => childEnvironment(environment, secrets));
  const loaded = await loadSecrets(raw, { environment, processes, clock: systemClock, signal, secrets });
  return { loaded, masks, secrets, environment };
}

/** What one source gives, as a disk encryption key. */
async function contentsOf(source: string, raw: RawInputs = {}, variables: Record<string, string> = {}) {
  const result = await load({ 'disk-encryption-keys': `/tmp/key ${source}`, ...raw }, variables);
  const parsed = parseSecretSource(source);
  const contents: Parsed<Buffer> | undefined =
    'ok' in parsed ? result.loaded.get(keyOf(parsed.ok)) : undefined;
  if (contents === undefined) throw new Error('not loaded');
  return {
    ...result,
    bytes: 'ok' in contents ? contents.ok : undefined,
    problem: 'ok' in contents ? '' : contents.problem,
  };
}

function makePipe(name: string): string {
  const path = join(dir, name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe('a command', () => {
  test('gives its standard output byte for byte', async () => {
    const { bytes } = await contentsOf(`exec:printf '\\000\\377 x\\n\\n'`);
    expect(bytes).toEqual(Buffer.from([0, 255, 32, 120, 10, 10]));
  });

  test('what it prints is masked', async () => {
    const { masks } = await contentsOf('exec:echo hunter2');
    expect(masks).toEqual(['hunter2']);
  });

  test('that fails: its exit code, and what it said without what it printed', async () => {
    const { problem } = await contentsOf('exec:echo hunter2; echo "cannot use hunter2" >&2; exit 7');
    expect(problem).toBe('the exec: command ended with exit code 7, and said:\n  cannot use ***');
  });

  test('that is killed, that says nothing, that does not exist', async () => {
    expect((await contentsOf('exec:kill -9 $$')).problem).toBe(
      'the exec: command was killed and said nothing',
    );
    expect((await contentsOf('exec:true')).problem).toBe('the exec: command is empty');
    expect((await contentsOf('exec:no-such-program-here')).problem).toMatch(
      /exit code 127, and said:\n.*not found/,
    );
  });

  test('has a deadline, silent or not', async () => {
    const start = performance.now();
    const fast = { 'idle-timeout': '1' };
    expect((await contentsOf('exec:sleep 20', fast)).problem).toMatch(/did not end within 1.0 s/);
    const chatty = await contentsOf('exec:while sleep 0.2; do echo on; done', fast);
    expect(chatty.problem).toMatch(/did not end within 1.0 s/);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test('sees neither inputs nor the variables of other inputs', async () => {
    const variables = { OTHER_KEY: 'hunter2-hunter2', INPUT_FLAKE: 'x', KEPT: 'kept' };
    const raw = { 'ssh-private-key': 'env:OTHER_KEY' };
    const { bytes } = await contentsOf('exec:env', raw, variables);
    expect(String(bytes)).toContain('KEPT=kept');
    expect(String(bytes)).not.toMatch(/hunter2|OTHER_KEY|INPUT_/);
  });

  test('is not kept from ending when the job is cancelled', async () => {
    const controller = new AbortController();
    const mark = join(dir, 'started');
    const running = load({ 'ssh-private-key': `exec:touch ${mark}; sleep 20` }, {}, controller.signal);
    const timer = setInterval(() => existsSync(mark) && controller.abort(new Error('cancelled')), 20);
    await expect(running).rejects.toThrow('cancelled');
    clearInterval(timer);
  });
});

describe('a variable', () => {
  test('is taken as it is, masked, and withheld from every child', async () => {
    const { bytes, masks, secrets, environment } = await contentsOf('env:KEY', {}, { KEY: ' ab \n' });
    expect(bytes).toEqual(Buffer.from(' ab \n'));
    expect(masks).toEqual(['ab']);
    expect(childEnvironment(environment, secrets)).toEqual({ PATH: process.env.PATH });
  });

  test('upstream lesson: null and empty secrets differ; a variable that is not set, or empty', async () => {
    expect((await contentsOf('env:KEY')).problem).toMatch(/the variable KEY is not set/);
    expect((await contentsOf('env:KEY', {}, { KEY: '' })).problem).toBe('the variable KEY is empty');
    expect((await contentsOf('env:KEY', {}, { KEY: '\n' })).problem).toBe('the variable KEY is empty');
  });
});

describe('a path', () => {
  test('of a file: byte for byte', async () => {
    const path = join(dir, 'binary');
    const contents = Buffer.from([0, 1, 2, 253, 254, 255, 10]);
    writeFileSync(path, contents);
    const { bytes, masks } = await contentsOf(path);
    expect(bytes).toEqual(contents);
    // there is no text to look for
    expect(masks).toEqual([]);
  });

  test('of a pipe: read once, though two keys name it, and however late it is filled', async () => {
    const pipe = makePipe('pipe');
    const raw = { 'disk-encryption-keys': `/tmp/a ${pipe}\n/tmp/b ${pipe}` };
    const running = load(raw);
    const writer = spawn('sh', ['-c', `sleep 0.3; { printf 'hun'; sleep 0.3; printf 'ter2\\n'; } >${pipe}`]);
    const { loaded, masks } = await running;
    writer.kill();
    expect([...loaded.values()]).toEqual([{ ok: Buffer.from('hunter2\n') }]);
    expect(masks).toEqual(['hunter2']);
  });

  test('of two pipes that are filled in another order', async () => {
    const [one, two] = [makePipe('one'), makePipe('two')];
    const running = load({ 'disk-encryption-keys': `/tmp/a ${one}\n/tmp/b ${two}` });
    spawn('sh', ['-c', `echo second >${two}; echo first >${one}`]);
    expect([...(await running).loaded.values()]).toEqual([
      { ok: Buffer.from('first\n') },
      { ok: Buffer.from('second\n') },
    ]);
  });

  test('of a pipe that nobody fills: a deadline, and nothing that keeps the process', async () => {
    const { problem } = await contentsOf(makePipe('silent'), { 'idle-timeout': '1' });
    expect(problem).toMatch(/is a pipe that nobody wrote to and closed within 1.0 s/);
  });

  test.each([
    ['that is not there', () => join(dir, 'hunter2'), /^the file on the runner cannot be read \(ENOENT\)$/],
    ['of a folder', () => dir, /neither a file nor a pipe/],
    ['of a device', () => '/dev/zero', /neither a file nor a pipe/],
    [
      'of a file that is no secret',
      () => {
        const path = join(dir, 'large');
        execFileSync('truncate', ['-s', '9M', path]);
        return path;
      },
      /more than 8 MiB/,
    ],
    [
      'of an empty file',
      () => {
        writeFileSync(join(dir, 'empty'), '');
        return join(dir, 'empty');
      },
      /is empty/,
    ],
  ])('%s is a problem that does not show it', async (_, path, message) => {
    const { problem } = await contentsOf(path());
    expect(problem).toMatch(message);
    expect(problem).not.toContain(dir);
  });
});

describe('loadSecrets', () => {
  const mark = () => join(dir, 'ran');
  const raw = () => ({ 'ssh-private-key': `exec:touch ${mark()}; echo x` });

  test.each([{ plan: 'offline' }, { 'build-only': 'yes' }])(
    'reads nothing for a run without a machine: %j',
    async (kind) => {
      const { loaded } = await load({ ...raw(), ...kind });
      expect(loaded.size).toBe(0);
      expect(existsSync(mark())).toBe(false);
    },
  );

  test('masks a key that is given, whatever the run', async () => {
    expect((await load({ 'ssh-private-key': 'given-contents', plan: 'offline' })).masks).toEqual([
      'given-contents',
    ]);
  });

  test('reads and masks passphrases like keys, and keeps their variables from all children', async () => {
    const { loaded, masks, secrets } = await load(
      {
        'ssh-private-key-passphrase': 'env:PASS',
        'post-install-ssh-private-key-passphrase': 'exec:echo "x y$PASS"',
      },
      { PASS: 'z' },
    );
    expect([...loaded.values()]).toEqual([{ ok: Buffer.from('z') }, { ok: Buffer.from('x y\n') }]);
    expect(masks).toEqual(['z', 'x y']);
    expect(secrets.isWithheldVariable('PASS')).toBe(true);
    expect((await load({ 'ssh-private-key-passphrase': 'a', plan: 'offline' })).masks).toEqual(['a']);
  });

  test('keeps every problem', async () => {
    const { loaded } = await load({
      'ssh-private-key': 'env:A',
      'post-install-ssh-private-key': 'exec:exit 3',
    });
    expect([...loaded.values()].filter((each) => 'problem' in each)).toHaveLength(2);
  });
});
