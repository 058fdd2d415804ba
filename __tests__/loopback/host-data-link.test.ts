// What a flake from elsewhere brings along in the store may be a link that leads out of it again.
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseHostData } from '../../src/inputs/host-data';
import { nixEnvironment } from '../../testbed/paths.mts';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

/** The same path in the store each time. */
function inStore(name: string, leadsTo: string): string {
  const link = join(temporaryFolder('link'), name);
  symlinkSync(leadsTo, link);
  const env = { ...process.env, ...nixEnvironment() };
  return execFileSync('nix-store', ['--add', link], { env, encoding: 'utf8' }).trim();
}

test('what a link in the store leads to is no part of the flake', async () => {
  const problemsOf = (folder: string) =>
    parseHostData({ 'extra-files': folder }, { attribute: 'nixosAnywhere.demo', isLocal: false }).problems;
  const out = inStore('leads-out', '/etc');
  expect(problemsOf(out)).toMatchObject([{ problem: expect.stringMatching(/reads a folder of the runner/) }]);
  expect(problemsOf(inStore('stays', out.replace(/[^/]*$/, 'not-there')))).toEqual([]);
});
