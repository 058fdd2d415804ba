// `npm run mutate-rows [NAME…]`: takes each row of docs/flags.md away once, in a copy of the checkout, and sees whether
// the test that the row names turns red. An input is taken away by ignoring it, whatever is given; a row that has a
// patch of its own by that. Ends with exit code 1 if a test stays green, does not run, or is red without a mutation.
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { literally, titleOf } from '../__tests__/support/named-tests.ts';
import type { Patch } from '../parity/row.ts';
import { type ProvenRow, provenRows } from '../parity/rows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What one run of vitest says of the tests that it was asked for. */
interface Verdict {
  readonly ran: number;
  readonly failed: readonly string[];
}

interface Outcome {
  readonly row: ProvenRow;
  readonly seconds: number;
  readonly verdict: Verdict;
}

/** A checkout in which inputs can be taken away. */
class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), 'mutate-rows-'));
  readonly #ignored = join(this.folder, 'ignored-input');

  constructor() {
    // a user of a test's machine looks for his keys below it
    chmodSync(this.folder, 0o755);
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root });
    for (const file of files.toString().split('\0')) {
      if (file !== '') cpSync(join(root, file), join(this.folder, file), { verbatimSymlinks: true });
    }
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    mkdirSync(join(this.folder, 'tmp'));
    this.ignore('');
    this.#makeInputsIgnorable();
    this.build();
  }

  /** From where all inputs come, and from where unit tests put them in. */
  #makeInputsIgnorable(): void {
    const ignored = `readFileSync(${JSON.stringify(this.#ignored)}, 'utf8')`;
    for (const [file, search, replace] of [
      [
        'src/inputs/raw-inputs.ts',
        "name.startsWith('INPUT_') &&",
        `$& name !== 'INPUT_' + ${ignored}.toUpperCase() &&`,
      ],
      [
        'src/inputs/input-reader.ts',
        'this.#raw = raw;',
        `this.#raw = Object.fromEntries(Object.entries(raw).filter(([name]) => name !== ${ignored}));`,
      ],
    ] as const) {
      this.patch({ file, search, replace });
      const path = join(this.folder, file);
      writeFileSync(path, `import { readFileSync } from 'node:fs';\n${readFileSync(path, 'utf8')}`);
    }
  }

  ignore(input: string): void {
    writeFileSync(this.#ignored, input);
  }

  /** @returns what undoes it */
  patch({ file, search, replace }: Patch): () => void {
    const path = join(this.folder, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(search).length !== 2) throw new Error(`${file} does not have this once: ${search}`);
    writeFileSync(path, text.replace(search, replace));
    return () => writeFileSync(path, text);
  }

  build(): void {
    execFileSync('sh', ['scripts/build.sh'], { cwd: this.folder, stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /** Runs these tests and no others; a busy machine makes a real server stall now and then. */
  async test(names: readonly string[], retries = 0): Promise<Verdict> {
    const report = join(this.folder, 'report.json');
    const files = [...new Set(names.map((name) => `__tests__/${name.split(' › ')[0]}.test.ts`))];
    const projects = [...new Set(names.map((name) => dirname(name).split('/')[0]))];
    const title = (name: string) => literally(titleOf(name)).replace(/%[sji#]|\\\$\w+/g, '.*');
    rmSync(report, { force: true });
    await runs('sh', this.folder, [
      'scripts/vitest.sh',
      'run',
      '--no-cache',
      '--testTimeout=25000',
      `--retry=${retries}`,
      ...projects.flatMap((project) => ['--project', project ?? '']),
      ...files,
      '-t',
      names.map(title).join('|'),
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]);
    return verdictOf(readFileSync(report, 'utf8'));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * Runs it to its end, whatever its exit code is: the report tells. A test that was given up may leave the action behind,
 * which is cancelled then: it ends its own children.
 */
async function runs(command: string, cwd: string, args: readonly string[]): Promise<void> {
  const { CI: _, ...inherited } = process.env;
  // tests look for secrets in what is new there: not in what other runs write at the same time
  const env = { ...inherited, TMPDIR: join(cwd, 'tmp') };
  const child = spawn(command, args, { cwd, env, stdio: 'ignore', detached: true });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
    if (!signalGroup(child.pid, signal)) return;
    await sleep(3000);
  }
}

/** @returns whether there was anybody */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

function verdictOf(report: string): Verdict {
  interface Report {
    readonly testResults: readonly {
      readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
    }[];
  }
  const results = (JSON.parse(report) as Report).testResults.flatMap((file) => file.assertionResults);
  return {
    ran: results.filter(({ status }) => status === 'passed' || status === 'failed').length,
    failed: results.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  };
}

async function mutate(row: ProvenRow, copy: Copy): Promise<Outcome> {
  const started = performance.now();
  const inBundle = row.mutation !== undefined && row.test.startsWith('bundle/');
  const undo = row.mutation === undefined ? () => copy.ignore('') : copy.patch(row.mutation);
  try {
    if (row.mutation === undefined) copy.ignore(row.input ?? '');
    if (inBundle) copy.build();
    const verdict = await copy.test([row.test]);
    return { row, verdict, seconds: Math.round((performance.now() - started) / 1000) };
  } finally {
    undo();
    if (inBundle) copy.build();
  }
}

function isRed({ verdict }: Outcome): boolean {
  return verdict.failed.length > 0;
}

function print(outcome: Outcome): void {
  const { row, seconds, verdict } = outcome;
  const what = isRed(outcome) ? 'red' : verdict.ran === 0 ? 'DOES NOT RUN' : 'STAYS GREEN';
  console.log(`${what.padEnd(12)} ${String(seconds).padStart(3)} s  ${row.name.padEnd(42)} ${row.test}`);
}

/** Each copy takes the next row as soon as it is done with one. */
async function mutateAll(rows: readonly ProvenRow[], copies: readonly Copy[]): Promise<Outcome[]> {
  const queue = [...rows];
  const outcomes: Outcome[] = [];
  await Promise.all(
    copies.map(async (copy) => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
        const outcome = await mutate(row, copy);
        outcomes.push(outcome);
        print(outcome);
      }
    }),
  );
  return outcomes;
}

async function main(wanted: readonly string[]): Promise<number> {
  const rows = provenRows.filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  );
  const copies: Copy[] = [];
  try {
    for (let n = 0; n < Math.min(availableParallelism(), rows.length); n++) copies.push(new Copy());
    const names = [...new Set(rows.map(({ test }) => test))];
    const control = await copies[0]?.test(names, 2);
    console.log(
      `without a mutation: ${control?.ran ?? 0} tests, red: ${control?.failed.join(', ') || 'none'}`,
    );
    if (control === undefined || control.failed.length > 0) return 1;
    const outcomes = await mutateAll(rows, copies);
    const red = outcomes.filter(isRed).length;
    console.log(`${red} of ${rows.length} rows have a test that notices when they are gone`);
    return red === rows.length ? 0 : 1;
  } finally {
    for (const copy of copies) copy.remove();
  }
}

process.exitCode = await main(process.argv.slice(2));
