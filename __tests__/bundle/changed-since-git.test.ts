// changed-since by whatever git calls a commit, in checkouts of all kinds: what is found, what is refused, and that nothing
// is written there.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import { nixEnvironment } from '../../testbed/paths.mts';
import { type BundleRun, runBundle } from '../support/bundle';
import { test, testEach } from '../support/concurrent';
import { git, makeFleet } from '../support/fleet';
import { temporaryFolder } from '../support/runtime';

const list = (flake: string, since: string, env: Record<string, string> = {}) =>
  runBundle({ inputs: { flake, 'list-hosts': 'true', 'changed-since': since }, env });

function changedIn(run: BundleRun): string[] {
  expect(run.code, run.log).toBe(0);
  const { include } = JSON.parse(run.outputs.matrix ?? '') as Matrix;
  return include.map(({ host }) => host);
}

function refusalOf(run: BundleRun): string {
  expect(run.code, run.log).toBe(1);
  expect(run.errors).toHaveLength(1);
  return run.errors[0] ?? '';
}

/** Three commits of three hosts; the last one has changed web-1, the one before web-0. */
function makeHistory() {
  const fleet = makeFleet({ count: 3 });
  fleet.change('web-0', { text: 'second' });
  git(fleet.folder, 'commit', '-qam', 'second');
  fleet.change('web-1', { text: 'third' });
  git(fleet.folder, 'commit', '-qam', 'third');
  return fleet;
}

/** The commit before the last one, by another name. */
function named(folder: string, name: string, ...command: string[]): string {
  git(folder, ...command, name, 'HEAD~1');
  return name;
}

/** Every file with its contents and its time of change. */
function stateOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  );
  return Object.fromEntries(
    files.map((file) => {
      const path = join(folder, file);
      return [
        file,
        `${createHash('sha256').update(readFileSync(path)).digest('hex')} ${statSync(path).mtimeMs}`,
      ];
    }),
  );
}

testEach<string, (folder: string) => string>([
  ['HEAD~1', () => 'HEAD~1'],
  ['a branch', (folder) => named(folder, 'live', 'branch')],
  ['a tag with a message', (folder) => named(folder, 'v1.0', 'tag', '-am', 'x')],
  ['a short ID', (folder) => git(folder, 'rev-parse', '--short', 'HEAD~1').trim()],
  ['a whole ID', (folder) => git(folder, 'rev-parse', 'HEAD~1').trim()],
  ['odd characters', (folder) => named(folder, "größe/#12_(a)'$x;&%41", 'branch')],
])('the commit may be written as git takes it: %s', async (_, nameIn) => {
  const { folder } = makeHistory();
  expect(changedIn(await list(folder, nameIn(folder)))).toEqual(['web-1']);
});

testEach<string, RegExp>([
  ['0123456789abcdef0123456789abcdef01234567', /does not have; .*fetch-depth: 0.*forced push/],
  ['nowhere', /is nowhere, which the checkout does not have/],
  ['--upload-pack=x', /^input changed-since: is "--upload-pack=x"; write a commit/],
  ['HEAD..HEAD~1', /^input changed-since: is "HEAD\.\.HEAD~1"; write a commit/],
  ['^HEAD', /^input changed-since: is "\^HEAD"; write a commit/],
  ['HEAD:flake.nix', /^input changed-since: is "HEAD:flake\.nix"; write a commit/],
  ['two words', /^input changed-since: is "two words"; write a commit/],
])('a commit that is not there, and what is no commit: %s', async (since, says) => {
  const { folder } = makeHistory();
  expect(refusalOf(await list(folder, since))).toMatch(says);
});

test('the file that a tag names is no commit', async () => {
  const { folder } = makeHistory();
  git(folder, 'tag', 'file', git(folder, 'rev-parse', 'HEAD:flake.nix').trim());
  expect(refusalOf(await list(folder, 'file'))).toMatch(/which the checkout does not have/);
});

test('a shallow clone has some commits and not others', async () => {
  const { folder } = makeHistory();
  const [clone, one] = [temporaryFolder('clone'), temporaryFolder('clone')];
  git(folder, 'clone', '-q', '--depth=2', `file://${folder}`, clone);
  expect(changedIn(await list(clone, 'HEAD~1'))).toEqual(['web-1']);
  git(folder, 'clone', '-q', '--depth=1', `file://${folder}`, one);
  expect(refusalOf(await list(one, git(folder, 'rev-parse', 'HEAD~1').trim()))).toMatch(/fetch-depth: 0/);
});

/** A flake below a folder of a repository; a change beside it is none of its own. */
function makeSubfolder(name: string) {
  const { folder } = makeHistory();
  const root = temporaryFolder('repository');
  const flake = join(root, name);
  mkdirSync(flake, { recursive: true });
  git(root, 'init', '-q');
  cpSync(join(folder, 'flake.nix'), join(flake, 'flake.nix'));
  cpSync(join(folder, 'hosts.json'), join(flake, 'hosts.json'));
  git(root, 'add', '.');
  git(root, 'commit', '-qm', 'first');
  const hosts = JSON.parse(readFileSync(join(flake, 'hosts.json'), 'utf8')) as Record<string, object>;
  writeFileSync(
    join(flake, 'hosts.json'),
    JSON.stringify({ ...hosts, 'web-2': { ...hosts['web-2'], text: 'x' } }),
  );
  writeFileSync(join(root, 'README.md'), 'beside it');
  git(root, 'add', '.');
  git(root, 'commit', '-qm', 'second');
  return { root, flake };
}

testEach<string, (paths: { root: string; flake: string }) => string>([
  ['its folder', ({ flake }) => flake],
  ['?dir=', ({ root }) => `${root}?dir=sub folder`],
  ['git+file:', ({ root }) => `git+file://${root}?dir=sub%20folder`],
])('a flake in a folder of its repository: %s', async (_, uriOf) => {
  const paths = makeSubfolder('sub folder');
  expect(changedIn(await list(uriOf(paths), 'HEAD~1'))).toEqual(['web-2']);
});

test('a path with blanks and letters beyond ASCII, and characters of addresses', async () => {
  const { folder } = makeHistory();
  const odd = join(temporaryFolder('odd'), 'my größe 100%41 a+b');
  cpSync(folder, odd, { recursive: true });
  expect(changedIn(await list(odd, 'HEAD~1'))).toEqual(['web-1']);
});

test('a worktree', async () => {
  const { folder } = makeHistory();
  const tree = join(temporaryFolder('trees'), 'tree');
  git(folder, 'worktree', 'add', '-q', tree, 'HEAD~1');
  expect(changedIn(await list(tree, 'HEAD~1'))).toEqual(['web-0']);
  expect(changedIn(await list(tree, 'HEAD'))).toEqual([]);
});

test('what is changed and not committed counts, and what git does not know does not', async () => {
  const { folder, change } = makeHistory();
  writeFileSync(join(folder, 'untracked.nix'), 'throw "not looked at"');
  const clean = await list(folder, 'HEAD');
  expect(changedIn(clean)).toEqual([]);
  expect(clean.result.fleet?.evaluations).toBe(0);
  change('web-2', { text: 'not committed' });
  expect(changedIn(await list(folder, 'HEAD'))).toEqual(['web-2']);
  git(folder, 'add', '.');
  expect(changedIn(await list(folder, 'HEAD'))).toEqual(['web-2']);
});

test('a flake that git does not know is refused by Nix, which says what to do', async () => {
  const { folder } = makeHistory();
  git(folder, 'rm', '-q', '--cached', 'flake.nix');
  expect(refusalOf(await list(folder, 'HEAD'))).toMatch(/flake\.nix.*(git add|tracked|does not exist)/s);
});

test('submodules, where the flake asks for them', async () => {
  const { folder, change } = makeHistory();
  const part = temporaryFolder('part');
  git(part, 'init', '-q');
  writeFileSync(join(part, 'text'), 'first');
  git(part, 'add', '.');
  git(part, 'commit', '-qm', 'first');
  git(folder, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', part, 'part');
  change('web-2', {
    configuration: '{ config.system.build.toplevel = drv "t" (builtins.readFile ./part/text); }',
  });
  git(folder, 'commit', '-qam', 'with a submodule');
  writeFileSync(join(folder, 'part', 'text'), 'second');
  git(join(folder, 'part'), 'commit', '-qam', 'second');
  git(folder, 'commit', '-qam', 'moved the submodule');
  const allowed = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'protocol.file.allow',
    GIT_CONFIG_VALUE_0: 'always',
  };
  // as after an update of the submodules that fetched all of them
  git(part, 'pull', '-q', join(folder, 'part'), 'HEAD');
  const run = await list(`git+file://${folder}?submodules=1`, 'HEAD~1', allowed);
  expect(changedIn(run)).toEqual(['web-2']);
  // and not because it could not be evaluated before
  expect(run.result.fleet?.hosts[0]?.reason).toBe('changed: system');
});

testEach<string, (folder: string) => string>([
  ['path:', (folder) => `path:${folder}`],
  ['a branch of its own', (folder) => `git+file://${folder}?ref=main`],
])('a flake that is no checkout is refused with what to do: %s', async (_, uriOf) => {
  const { folder } = makeHistory();
  expect(refusalOf(await list(uriOf(folder), 'HEAD~1'))).toMatch(
    /^input changed-since: needs a flake in a git checkout .* without path:, rev and ref, or leave/,
  );
});

testEach<string>([
  ['github:owner/repository'],
  ['git+https://example.org/x'],
  ['https://example.org/x.tar.gz'],
])('a flake from elsewhere is refused before anything is fetched: %s', async (uri) => {
  const run = await list(uri, 'HEAD~1');
  expect(refusalOf(run)).toMatch(
    /^input changed-since: needs a flake in a git checkout .* check its repository out/,
  );
  expect(run.result.phases).toEqual([]);
});

test('a checkout of another user is told as such', async () => {
  const { folder } = makeHistory();
  // as git's own tests have it; a real other owner needs root
  const refused = refusalOf(await list(folder, 'HEAD~1', { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }));
  expect(refused).toContain(`git config --global --add safe.directory '${folder}'`);
});

test('a runner without git is told as such', async () => {
  const { folder } = makeHistory();
  const [path, env] = [temporaryFolder('path'), nixEnvironment()];
  const nix = execFileSync('sh', ['-c', 'command -v nix'], { env, encoding: 'utf8' }).trim();
  // Nix itself looks for it too
  writeFileSync(join(path, 'nix'), `#!/bin/sh\nPATH='${env.PATH}' exec '${nix}' "$@"\n`, { mode: 0o755 });
  expect(refusalOf(await list(folder, 'HEAD~1', { PATH: path }))).toMatch(
    /^input changed-since: needs git, and there is no such program in PATH; install it/,
  );
});

test('nothing is written to the checkout', async () => {
  const { folder } = makeHistory();
  // an index that git would write anew
  utimesSync(join(folder, 'hosts.json'), new Date(), new Date(Date.now() - 60_000));
  const before = stateOf(folder);
  expect(changedIn(await list(folder, 'HEAD~1'))).toEqual(['web-1']);
  expect(stateOf(folder)).toEqual(before);
  rmSync(join(folder, 'hosts.json'));
  expect(stateOf(folder)).not.toEqual(before);
});
