// The table of faults is what the suite tests: each row is held against a run somewhere, and people can read it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Fault, type FaultName, faults } from '../support/fault-table';

const tests = fileURLToPath(new URL('..', import.meta.url));
const files = ['bundle', 'e2e', 'e2e-all'].flatMap((folder) =>
  readdirSync(join(tests, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`),
);
const names = Object.keys(faults) as FaultName[];

/** The files that make a fault happen. */
function testsOf(name: FaultName): string[] {
  return files.filter((file) => {
    const text = readFileSync(join(tests, file), 'utf8');
    return text.includes('expectFault(') && text.includes(`'${name}'`);
  });
}

/** What is more than one run with one end. */
const further: readonly (readonly [string, string, string])[] = [
  ['cancel at every phase', 'e2e-all/cancel', 'is cancelled at every phase, tells the truth each time'],
  ['cancel while building and staging', 'bundle/cancel', 'all is stopped, and nothing left'],
  ['SIGKILL in disko, copy and nixos-install', 'e2e/faults', 'is completed by a new run after SIGKILL'],
  [
    'SIGKILL before and in the kexec, and in the reboot',
    'e2e-all/cancel',
    'is taken on by a new run after SIGKILL',
  ],
  ['network cut, or silent, in disko, copy and nixos-install', 'e2e/faults', 'survives a %s in disko'],
  ['network dead when a phase begins, before the jump', 'bundle/cancel', 'cut whenever a phase begins'],
  ['network dead when a phase begins, in the installer', 'bundle/installer', 'cut whenever a phase begins'],
  ['network dead when a phase begins, every phase', 'e2e-all/boundaries', 'breaks whenever a phase begins'],
  ['two runs at once, also across the kexec', 'e2e-all/cancel', 'of two runs exactly one goes on'],
  ['a finished workflow again, with converge', 'e2e-all/update', 'is left alone when it runs that already'],
  ['an approved run that was cut off', 'e2e-all/approval', 'is completed with the same approval'],
  ['a switch that cuts SSH', 'e2e-all/update', 'survives a switch that %s'],
];

test.each(further)('%s is tested', (_, file, title) => {
  expect(readFileSync(join(tests, `${file}.test.ts`), 'utf8')).toContain(title);
});

test.each(names)('%s happens in a test', (name) => {
  expect(testsOf(name)).not.toEqual([]);
});

test('FAULTS.md shows the table (vitest -u writes it)', async () => {
  const rows = names.map((name) => {
    const { kind, phase, targetState, lost }: Fault = faults[name];
    return `| ${[name, `${phase ?? '–'} (${kind})`, targetState, lost, testsOf(name).join(', ')].join(' | ')} |`;
  });
  const head = [
    '# What faults lead to',
    '',
    'Each ends with exit code 1, an error that says what to do, a job summary and a result file. Rows are checked by the',
    'tests they name; written by `__tests__/unit/fault-table.test.ts`.',
    '',
    '| Fault | Noticed in | Target state | Lost | Test |',
    '| --- | --- | --- | --- | --- |',
  ];
  const tail = [
    '',
    'Where it takes several runs:',
    '',
    ...further.map(([what, file]) => `- ${what}: \`${file}.test.ts\``),
  ];
  await expect(`${[...head, ...rows, ...tail].join('\n')}\n`).toMatchFileSnapshot('../FAULTS.md');
});
