// docs/imitated.md is whole: every file of the testbed and of the tests' support is a stand-in that it names, or a tool.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { standIns, tools } from '../../parity/imitated';

const root = fileURLToPath(new URL('../../', import.meta.url));
const listed = [...standIns.flatMap(({ files }) => files), ...tools];
// of the work tree: what is new has to be listed before it is committed
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', 'testbed', '__tests__/support'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(`${root}${file}`));

test.each(files)('%s is listed', (file) => {
  expect(listed.some((entry) => (entry.endsWith('/') ? file.startsWith(entry) : file === entry))).toBe(true);
});

describe('what is listed', () => {
  test.each(listed)('%s is there', (entry) => {
    expect(existsSync(`${root}${entry}`)).toBe(true);
  });

  test('is either a stand-in or a tool', () => {
    for (const tool of tools) expect(standIns.flatMap((each) => each.files)).not.toContain(tool);
  });
});
