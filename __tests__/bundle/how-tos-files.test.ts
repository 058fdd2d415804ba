// docs/new-system.md, carried out: files, secrets and owners as the page has them. sops is a stand-in, as in how-tos-secrets.
import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { makeKey } from '../../testbed/sshd.mts';
import { carryOut } from '../support/carry-out';
import { test } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { machineToInstall } from '../support/install';
import { distinctLines, expectNoLeak } from '../support/leak';
import { temporaryFolder } from '../support/runtime';
import type { Here } from '../support/shown-steps';

const page = 'docs/new-system.md';
const heading = 'Files for the new system';

/** Accounts as the new system has them; they come along as files here, as no NixOS makes them. */
function accounts(names: readonly string[]): Record<string, string> {
  const lines = (line: (name: string, id: number) => string) =>
    names.map((name, index) => `${line(name, 500 + index)}\n`).join('');
  return {
    'etc/passwd': lines((name, id) => `${name}:x:${id}:${id}::/var/empty:/bin/sh`),
    'etc/group': lines((name, id) => `${name}:x:${id}:`),
  };
}

function sopsThatSays(text: string): string {
  const folder = temporaryFolder('sops');
  const script = `#!/bin/sh\n[ "$*" = '--decrypt --extract ["token"] secrets.yaml' ] || exit 64\nprintf %s '${text}'\n`;
  writeFileSync(join(folder, 'sops'), script, { mode: 0o755 });
  return `${folder}:${nixEnvironment().PATH}`;
}

async function runPage(names: readonly string[]) {
  const install = await machineToInstall();
  const dir = temporaryFolder('job');
  const files = {
    ...accounts(names),
    'home/alice/.profile': 'hello\n',
    'srv/my files/index.html': 'hello\n',
  };
  for (const [path, text] of Object.entries(files)) {
    const file = join(dir, 'workspace/machines/web-1/files', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const token = `token ${randomUUID()}`;
  const keys = temporaryFolder('keys');
  const hostKey = makeKey(join(keys, 'host'));
  rmSync(join(keys, 'host'));
  const here: Here = {
    expressions: { 'secrets.WEB_1_HOST_KEY': hostKey.private },
    besides: install.inputs,
    env: { NIX_REMOTE: `local?root=${install.store}`, PATH: sopsThatSays(token) },
  };
  const run = await carryOut(page, heading, here, { dir });
  expectNoLeak(run, [token, ...distinctLines(hostKey.private)], [install.disk]);
  const at = (path: string) => {
    const { mode, uid, gid } = lstatSync(join(install.disk, path));
    return `${(mode & 0o777).toString(8)} ${uid}:${gid}`;
  };
  const read = (path: string) => readFileSync(join(install.disk, path), 'utf8');
  return { run, at, read, token, hostKey };
}

test('files, secrets and owners come to their places as the page says', async () => {
  const { run, at, read, token, hostKey } = await runPage(['app', 'www-data']);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/new-system.md', 'Files for the new system');
  expect(read('etc/ssh/ssh_host_ed25519_key')).toBe(hostKey.private);
  expect(read('var/lib/app/token')).toBe(token);
  expect(at('var/lib/app/token')).toBe('440 500:500');
  expect(at('home/alice/.profile')).toBe('644 1000:100');
  // an owner without a group leaves the group as it is
  expect(at('srv/my files/index.html')).toBe('644 501:0');
});

test('an owner whom the new system does not know stops the run', async () => {
  const { run } = await runPage(['app']);
  expect(run.code).toBe(1);
  expect(run.outputs['target-state']).toBe('partitioned');
  expectTroubles([run.log], page, heading);
});
