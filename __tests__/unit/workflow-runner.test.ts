// The runner that carries out workflows here does as GitHub does, where the workflow for fleets relies on it.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { evaluateText } from '../../testbed/workflow/expressions.mts';
import { runWorkflow, type WorkflowOptions, type WorkflowRun } from '../../testbed/workflow.mts';
import { test, testEach } from '../support/concurrent';
import { git } from '../support/fleet';
import { failure, temporaryFolder } from '../support/runtime';

/** @param jobs YAML of the jobs, indented by two */
async function carryOut(jobs: string, options: Partial<WorkflowOptions> = {}, on = ''): Promise<WorkflowRun> {
  const repository = temporaryFolder('repository');
  git(repository, 'init', '-q', '-b', 'main');
  git(repository, 'commit', '-q', '--allow-empty', '-m', 'first');
  const file = join(temporaryFolder('file'), 'workflow.yml');
  writeFileSync(file, `on:\n  workflow_call:\n${on}permissions:\n  contents: read\njobs:\n${jobs}`);
  return runWorkflow({ file, repository, dir: temporaryFolder('workflow'), ...options });
}

const given = (text: string) => `"\${{ ${text} }}"`;

const job = (id: string, more: readonly string[] = [], script = 'true') =>
  [
    `  ${id}:`,
    '    runs-on: ubuntu-24.04',
    ...more.map((line) => `    ${line}`),
    `    steps: [{ id: step, run: ${JSON.stringify(script)} }]`,
    '',
  ].join('\n');

const matrix = (names: readonly string[], ...more: string[]) => [
  'strategy:',
  '  fail-fast: false',
  ...more.map((line) => `  ${line}`),
  `  matrix: \${{ fromJSON('${JSON.stringify({ include: names.map((name) => ({ name })) })}') }}`,
];

test('expressions are GitHub’s own', async () => {
  const contexts = {
    secrets: { WEB_1: 'a', SSH: 'b' },
    matrix: { secrets: { SSH: 'WEB_1' } },
    list: '{"include":[{"host":"web-1"},{"host":"web-2"}]}',
  };
  expect(evaluateText("secrets[matrix.secrets.SSH || 'SSH']", contexts)).toBe('a');
  expect(evaluateText("secrets[matrix.secrets.DISK || 'SSH']", contexts)).toBe('b');
  expect(evaluateText("secrets.NONE || 'none'", contexts)).toBe('none');
  expect(evaluateText("join(fromJSON(list).include.*.host, ' ')", contexts)).toBe('web-1 web-2');
  expect(() => evaluateText('matrix.a', {})).toThrow(/matrix/);
});

test('a job that was skipped or has failed has all below it skipped, which do not say otherwise', async () => {
  const { results, result } = await carryOut(
    [
      job('skipped', ["if: github.ref == 'refs/heads/other'"]),
      job('between', ['needs: skipped', 'if: always()']),
      job('below', ['needs: between']),
      job('otherwise', ['needs: between', 'if: "!cancelled() && needs.between.result == \'success\'"']),
      job('failed', [], 'exit 3'),
      job('after', ['needs: failed']),
      job('because', ['needs: failed', 'if: failure()']),
    ].join(''),
  );
  expect(results).toEqual({
    skipped: 'skipped',
    between: 'success',
    below: 'skipped',
    otherwise: 'success',
    failed: 'failure',
    after: 'skipped',
    because: 'success',
  });
  expect(result).toBe('failure');
});

test('a matrix: so many at a time, all of them though one fails, and an empty one fails', async () => {
  let [running, most] = [0, 0];
  const { jobs, results } = await carryOut(
    job('many', matrix(['a', 'b', 'c', 'd'], 'max-parallel: 2'), '[ "$NAME" != b ] && sleep 0.05').replace(
      'run:',
      `env: { NAME: ${given('matrix.name')} }, run:`,
    ) + job('none', matrix([])),
    {
      beforeJob: () => {
        most = Math.max(most, ++running);
      },
      afterJob: () => void running--,
    },
  );
  expect(most).toBe(2);
  expect(Object.fromEntries(jobs.map((each) => [each.matrix?.name, each.result]))).toMatchObject({
    a: 'success',
    b: 'failure',
    c: 'success',
    d: 'success',
  });
  expect(results).toEqual({ many: 'failure', none: 'failure' });
  expect(jobs.find(({ id }) => id === 'none')?.problem).toContain('the matrix is empty');
});

test('outputs reach the jobs that need them, but none with a secret in it', async () => {
  const outputs = [
    'outputs:',
    ...['plain', 'secret'].map((name) => `  ${name}: \${{ steps.step.outputs.${name} }}`),
  ];
  const { jobs } = await carryOut(
    job('first', outputs, "printf 'plain=one\\nsecret=a-swordfish-b\\n' >>$GITHUB_OUTPUT") +
      job('second', ['needs: first', `env: { GOT: ${given('toJSON(needs.first.outputs)')} }`], 'echo $GOT'),
    { secrets: { PASSWORD: 'swordfish' } },
  );
  expect(JSON.parse(jobs.find(({ id }) => id === 'second')?.steps[0]?.log ?? '')).toEqual({ plain: 'one' });
});

test('steps: what runs after a failure, what is forgiven, and what is left for later ones', async () => {
  const { jobs, result } = await carryOut(`  job:
    runs-on: ubuntu-24.04
    steps:
      - run: echo "LATER=yes" >>"$GITHUB_ENV"
      - { id: forgiven, continue-on-error: true, run: exit 1 }
      - if: env.LATER == 'yes' && steps.forgiven.outcome == 'failure' && steps.forgiven.conclusion == 'success'
        run: exit 1
      - run: exit 0
      - { if: failure(), run: exit 0 }
      - { if: always(), run: exit 0 }
`);
  expect(jobs[0]?.steps.map(({ conclusion }) => conclusion)).toEqual([
    ...['success', 'success', 'failure', 'skipped', 'success', 'success'],
  ]);
  expect(result).toBe('failure');
});

test('one job of a group after the other, and none whose environment’s reviewers refuse', async () => {
  let [running, most] = [0, 0];
  const group = 'concurrency: { group: one, cancel-in-progress: false }';
  const { results } = await carryOut(
    job('first', [group], 'sleep 0.1') +
      job('second', [group], 'sleep 0.1') +
      job('refused', ['environment: production']) +
      job('without', ["environment: ''"]),
    {
      environments: { production: { approve: () => false } },
      beforeJob: ({ concurrency }) => {
        if (concurrency !== '') most = Math.max(most, ++running);
      },
      afterJob: ({ concurrency }) => void (concurrency !== '' && running--),
    },
  );
  expect(most).toBe(1);
  expect(results).toEqual({ first: 'success', second: 'success', refused: 'failure', without: 'success' });
});

const commit = '0'.repeat(40);
const artifactSteps = (...steps: string[]) =>
  `    steps:\n${steps.map((step) => `      - { ${step} }`).join('\n')}\n`;
const upload = (name: string) =>
  `uses: actions/upload-artifact@${commit}, with: { name: ${name}, path: file }`;

test('artifacts: an only one gets no folder of its own, and without any there is none', async () => {
  const runner = '    runs-on: ubuntu-24.04\n';
  const download = (pattern: string, path: string) =>
    `uses: actions/download-artifact@${commit}, with: { pattern: ${pattern}, path: ${path} }`;
  const dir = temporaryFolder('artifacts');
  const { results } = await carryOut(
    `  up:\n${runner}${artifactSteps('run: echo text >file', upload('a-1'), upload('b-1'), upload('b-2'))}` +
      `  down:\n    needs: up\n${runner}${artifactSteps(download('a-*', 'a'), download('b-*', 'b'), download('c-*', 'c'))}` +
      `  twice:\n    needs: up\n${runner}${artifactSteps('run: echo text >file', upload('a-1'))}`,
    { dir },
  );
  const there = ['a/file', 'b/b-1/file', 'b/b-2/file', 'c'].map((path) =>
    existsSync(join(dir, 'down-0/work', path)),
  );
  expect(there).toEqual([true, true, true, false]);
  expect(results).toEqual({ up: 'success', down: 'success', twice: 'failure' });
});

testEach([
  ['no workflow', ['  a:\n    runs-on: x\n    stepz: []\n', /Unexpected value 'stepz'/]],
  ['a context that is not there', [job('a', ['if: matrix.x']), /matrix/]],
  ['a key', [job('a', ['container: debian']), /does not know container/]],
  [
    'an action',
    [
      `  a:\n    runs-on: x\n${artifactSteps('uses: actions/stale@v9')}`,
      /does not know the action actions.stale/,
    ],
  ],
  [
    'a matrix that fails fast',
    [job('a', matrix(['x'])).replace('fail-fast: false', 'fail-fast: true'), /fail-fast/],
  ],
] as const)('what the runner does not know is an error: %s', async (name, [jobs, error]) => {
  const run = carryOut(jobs);
  // as GitHub, where it is found when the job is about to start
  if (name === 'a matrix that fails fast') expect((await run).jobs[0]?.problem).toMatch(error);
  else expect((await failure(run)).message).toMatch(error);
});

test('inputs: defaults, and none that is missing, unknown or of another type', async () => {
  const on = `    inputs:
      name: { type: string, required: true }
      many: { type: number, default: 4 }
`;
  const jobs = job(
    'a',
    [`env: { GOT: ${given("format('{0} {1}', inputs.name, inputs.many)")} }`],
    'echo $GOT',
  );
  const run = await carryOut(jobs, { inputs: { name: 'x' } }, on);
  expect(run.jobs[0]?.steps[0]?.log).toBe('x 4\n');
  const wrong = async (inputs: NonNullable<WorkflowOptions['inputs']>) =>
    (await failure(carryOut(jobs, { inputs }, on))).message;
  expect(await wrong({})).toContain('needs the input name');
  expect(await wrong({ name: 'x', other: 1 })).toContain('has no input other');
  expect(await wrong({ name: 'x', many: '4' })).toContain('no number');
});
