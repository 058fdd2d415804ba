// The workflows that users copy, of examples/ and of the documents: they say only what is there, and what is due.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { problemsIn } from '../../testbed/workflow/parse.mts';
import {
  asSteps,
  indented,
  isOwn,
  readYaml,
  type Step,
  stepsIn,
  wholeWorkflow,
} from '../support/read-workflow';
import { callInputs, changesMachine, contactsMachine, misfits } from './workflow-rules';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const filesIn = (folder: string) => readdirSync(new URL(folder, root)).map((name) => `${folder}/${name}`);

const examples = filesIn('examples/workflows').map((path): [string, string] => [path, read(path)]);

/** Of README, SECURITY, and the pages of docs/. */
const blocks = [
  'README.md',
  'SECURITY.md',
  ...filesIn('docs').filter((path) => path.endsWith('.md')),
].flatMap((path) =>
  [...read(path).matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ''], index): [string, string] => [
    `${path} ${index + 1}`,
    wholeWorkflow(yaml),
  ]),
);

const reusable = '.github/workflows/fleet.yml';

describe.each([...examples, [reusable, read(reusable)], ...blocks])('%s', (name, text) => {
  test('is a workflow, by GitHub’s own parser', async () => {
    expect(await problemsIn(name, text)).toEqual([]);
  });

  test('says nothing that is not there', () => {
    expect(misfits(readYaml(name, text))).toEqual([]);
  });
});

const expression = (text: string) => `\${{ ${text} }}`;
const fleet = read('examples/fleet/fleet.nix');
const variables = [...new Set(fleet.match(/\b(FLEET_SECRET_\w+|SSH_PRIVATE_KEY)\b/g))].toSorted();

describe.each(examples)('%s', (name, text) => {
  const workflow = readYaml(name, text);
  const isForgejo = name.includes('forgejo');

  test('may only read where it is given secrets, and leaves no credentials in the checkout', () => {
    if (!isForgejo) expect(new Set(Object.values(workflow.permissions ?? {}))).toEqual(new Set(['read']));
    // a job of its own, without a key to any machine, may do more
    for (const job of Object.values(workflow.jobs).filter(({ permissions }) => permissions !== undefined)) {
      expect(JSON.stringify(job)).not.toContain('secrets.');
      expect(job.environment).toBeUndefined();
    }
    for (const step of stepsIn(workflow).filter(({ uses }) => uses?.includes('/checkout@')))
      expect(step.with).toMatchObject({ 'persist-credentials': 'false' });
  });

  test('ends', () => {
    for (const { steps, 'timeout-minutes': minutes } of Object.values(workflow.jobs))
      if (steps !== undefined) expect(minutes).toBeGreaterThan(0);
  });

  test('hands nothing of the event to a shell as text', () => {
    for (const { run = '' } of stepsIn(workflow)) expect(run).not.toContain('${{');
  });

  test('is not cut off while it changes a machine', () => {
    for (const { steps = [], concurrency = workflow.concurrency } of Object.values(workflow.jobs))
      if (steps.some(changesMachine)) expect(concurrency?.['cancel-in-progress']).toBe(false);
  });
});

/** Those over the hosts that a flake lists. */
const ofFleets = examples.filter(([, text]) => /list-hosts|fleet\.yml@|workflows\/fleet\.yml$/m.test(text));

describe.each(ofFleets)('%s', (name, text) => {
  const workflow = readYaml(name, text);
  const isForgejo = name.includes('forgejo');

  test('gives the variables that the example’s hosts name to each step that contacts a machine', () => {
    for (const step of stepsIn(workflow).filter(contactsMachine))
      expect(Object.keys(step.env ?? {}).toSorted()).toEqual(variables);
  });

  test('changes a machine by an approved plan, or without wiping it, and one run at a time', () => {
    for (const { steps = [], concurrency = workflow.concurrency } of Object.values(workflow.jobs)) {
      for (const step of steps.filter(changesMachine)) {
        expect(step.with?.['on-installed'] === 'update' || 'approved-plan' in (step.with ?? {})).toBe(true);
        if (!isForgejo) expect(concurrency?.group).toMatch(/'nixos-anywhere-\{0\}', matrix\.host\)/);
      }
    }
  });

  test('is not begun for no host at all', () => {
    for (const { strategy, ...job } of Object.values(workflow.jobs)) {
      const isChosen = name.includes('reprovision');
      if (strategy?.matrix !== undefined && !isChosen) expect(JSON.stringify(job)).toMatch(/count != '0'/);
    }
  });

  test('has what changed-since compares with', () => {
    for (const { steps = [] } of Object.values(workflow.jobs)) {
      if (!steps.some((step) => isOwn(step) && 'changed-since' in (step.with ?? {}))) continue;
      expect(steps.find(({ uses }) => uses?.includes('/checkout@'))?.with).toMatchObject({
        'fetch-depth': '0',
      });
    }
  });
});

describe('examples/workflows/reprovision-one-host.yml', () => {
  const workflow = readYaml('reprovision', read('examples/workflows/reprovision-one-host.yml'));
  const script = stepsIn(workflow).find((step: Step) => step.run !== undefined)?.run ?? '';
  const refuses = (HOST: string, CONFIRM: string) => {
    try {
      execFileSync('bash', ['-e', '-c', script], { env: { HOST, CONFIRM }, stdio: 'pipe' });
      return false;
    } catch {
      return true;
    }
  };

  test('goes on for one host that was named twice', () => {
    expect(refuses('web-1', 'web-1')).toBe(false);
    expect(refuses('host.example_1', 'host.example_1')).toBe(false);
  });

  test.each(['', '*', 'web-?', 'tag:web', '!web-1', 'web-1 web-2', 'web-1,web-2', 'web-1\nweb-2'])(
    'wipes no machine for %j',
    (hosts) => expect(refuses(hosts, hosts)).toBe(true),
  );

  test('wipes no machine that was named once', () => {
    expect(refuses('web-1', 'web-2')).toBe(true);
    expect(refuses('web-1', '')).toBe(true);
  });
});

test('docs/fleets.md has all inputs of the reusable workflow, and no other', () => {
  const [, table = ''] = read('docs/fleets.md').split(/^\| Input of the workflow.*\n.*\n/m);
  const [rows = ''] = table.split('\n\n');
  const names = [...rows.matchAll(/^\| `([\w-]+)`/gm)].map(([, name]) => name);
  expect(names).toEqual(callInputs());
});

describe('the checks', () => {
  const listed = asSteps('- uses: nixos-anywhere-action/nixos-anywhere-action@v0\n  id: list\n');
  const job = (text: string) => `${listed}\n  next:\n    needs: job\n    runs-on: x\n${indented(text, 4)}`;
  const matrix = `strategy: { matrix: "${expression('fromJSON(needs.job.outputs.a)')}" }\n`;

  test.each([
    ['an input', listed.replace('id: list', 'with: { flak: . }'), 'job: input flak is not there'],
    [
      'an input by URL',
      listed.replace('uses: ', 'uses: https://github.com/').replace('id: list', 'with: { a: b }'),
      'job: input a is not there',
    ],
    [
      'an output',
      `${listed}      - run: echo ${expression('steps.list.outputs.matrx')}\n`,
      'job: output matrx is not there',
    ],
    [
      'a step',
      `${listed}      - run: echo ${expression('steps.lst.outputs.matrix')}\n`,
      'job: step lst is not there',
    ],
    [
      'an output of a job',
      job(`steps: [{ run: "${expression('needs.job.outputs.a')}" }]`),
      'next: output a is not there',
    ],
    [
      'a job',
      job(`steps: [{ run: "${expression('needs.jb.result')}" }]`),
      'next: needed job jb is not there',
    ],
    [
      'a field of the matrix',
      job(`${matrix}steps: [{ run: "${expression('matrix.hst')}" }]`),
      'next: matrix field hst is not there',
    ],
    [
      'a secret',
      job(`${matrix}steps: [{ run: a, env: { A: "${expression("secrets[matrix.secrets.B || 'A']")}" } }]`),
      `next: A gets ${expression("secrets[matrix.secrets.B || 'A']")}`,
    ],
    [
      'what the workflow is not told',
      `on:\n  workflow_dispatch:\njobs:\n  a:\n    runs-on: x\n    steps: [{ run: "${expression('inputs.a')}" }]\n`,
      'a: input of the workflow a is not there',
    ],
    [
      'an input of the workflow',
      'on: push\njobs:\n  a:\n    uses: a/b/.github/workflows/fleet.yml@v0\n    with: { max-paralel: 1 }\n',
      'a: input max-paralel is not there',
    ],
    [
      'an approval',
      listed.replace('id: list', `with: { approved-plan: "${expression('needs.plan.outputs.digest')}" }`),
      'job: approved-plan may be empty, which is no input',
    ],
    [
      'a secret of the workflow',
      'on: push\njobs:\n  a:\n    uses: ./.github/workflows/fleet.yml\n    secrets: { SSH_KEY: x }\n',
      'a: secret SSH_KEY is not there',
    ],
    [
      'secrets to inherit',
      'on: push\njobs:\n  a:\n    uses: a/b/.github/workflows/fleet.yml@v0\n    secrets: inherit\n',
      'a: workflow with secrets a/b/.github/workflows/fleet.yml@v0 is not there',
    ],
    [
      'a workflow',
      'on: push\njobs:\n  a:\n    uses: a/b/.github/workflows/flet.yml@v0\n',
      'a: a/b/.github/workflows/flet.yml@v0 is not ours',
    ],
  ])('find %s that is not there', (_what, text, problem) => {
    expect(misfits(readYaml('a', text))).toContain(problem);
  });
});
