// What a workflow says that uses this action, held against what the action and its reusable workflow are.
import { readFileSync } from 'node:fs';
import {
  isBasicExpression,
  isMapping,
  isSequence,
  NoOperationTraceWriter,
  parseWorkflow,
} from '@actions/workflow-parser';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { type MatrixHost, matrixJson } from '../../src/inputs/matrix';
import { inputs } from '../../src/inputs/table';
import { outputs } from '../../src/report/outputs';

export interface Step {
  id?: string;
  uses?: string;
  run?: string;
  if?: string;
  /** Whatever was written, it is text there. */
  with?: Record<string, string>;
  env?: Record<string, string>;
}

export interface Job {
  uses?: string;
  if?: string;
  environment?: unknown;
  permissions?: Record<string, string>;
  needs?: string | string[];
  with?: Record<string, unknown>;
  secrets?: 'inherit' | Record<string, string>;
  outputs?: Record<string, string>;
  strategy?: { matrix?: unknown };
  concurrency?: { group?: string; 'cancel-in-progress'?: unknown };
  'timeout-minutes'?: number;
  steps?: Step[];
}

export interface Workflow {
  on: Record<string, { inputs?: Record<string, unknown>; secrets?: Record<string, unknown> } | null> | string;
  permissions?: Record<string, string>;
  concurrency?: { group?: string; 'cancel-in-progress'?: unknown };
  jobs: Record<string, Job>;
}

/** With expressions as they are written. */
export function readYaml(name: string, content: string): Workflow {
  const { value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value === undefined) throw new Error(`${name} is empty`);
  return plain(value) as Workflow;
}

export const indented = (text: string, by: number) => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));

export const asSteps = (steps: string) =>
  `on: push\njobs:\n  job:\n    runs-on: ubuntu-24.04\n    steps:\n${indented(steps, 6)}`;

/** A part of a workflow, as the documents show it, as a whole one. */
export function wholeWorkflow(yaml: string): string {
  if (/^jobs:/m.test(yaml)) return yaml;
  if (yaml.startsWith('- ')) return asSteps(yaml);
  if (/^(with|env):/.test(yaml))
    return asSteps(`- uses: nixos-anywhere-action/nixos-anywhere-action@v0\n${indented(yaml, 2)}`);
  throw new Error(`what is this a part of?\n${yaml}`);
}

function plain(token: TemplateToken): unknown {
  if (isMapping(token))
    return Object.fromEntries([...token].map(({ key, value }) => [key.toString(), plain(value)]));
  if (isSequence(token)) return [...token].map(plain);
  if (isBasicExpression(token)) return `\${{ ${token.expression} }}`;
  return token.isLiteral && 'value' in token ? token.value : null;
}

export const isOwn = ({ uses = '' }: Step) =>
  /^(https:\/\/github\.com\/)?nixos-anywhere-action\/nixos-anywhere-action@v\d+$/.test(uses);

/** Whether it changes a machine, or looks at one. */
export function contactsMachine(step: Step): boolean {
  const given = step.with ?? {};
  const others = ['build-only', 'vm-test', 'list-hosts', 'fleet-results'];
  return isOwn(step) && given.plan !== 'offline' && !others.some((name) => name in given);
}

/** One whose plan depends on what somebody chose may do so. */
export const changesMachine = (step: Step) => contactsMachine(step) && step.with?.plan !== 'true';

const callable = new URL('../../.github/workflows/fleet.yml', import.meta.url);

const readCallable = () => readYaml('fleet.yml', readFileSync(callable, 'utf8'));

/** The inputs of the reusable workflow. */
export const callInputs = () => ownInputs(readCallable());

function callSecrets(): string[] {
  const { on } = readCallable();
  return typeof on === 'string' ? [] : Object.keys(on.workflow_call?.secrets ?? {});
}

function ownInputs({ on }: Workflow): string[] {
  if (typeof on === 'string') return [];
  return [on.workflow_call, on.workflow_dispatch].flatMap((event) => Object.keys(event?.inputs ?? {}));
}

const sample: MatrixHost = {
  ...{ host: '', flake: '', tags: [], environment: '', secrets: {}, reason: '', 'approved-plan': '' },
};
const matrixFields = Object.keys(JSON.parse(matrixJson([sample])).include[0]);

/** @returns in words, what does not fit */
export function misfits(workflow: Workflow): string[] {
  return Object.entries(workflow.jobs).flatMap(([id, job]) => {
    const text = JSON.stringify(job);
    return [
      ...(job.uses === undefined ? [] : ofCall(job)),
      ...(job.steps ?? []).filter(isOwn).flatMap(ofInputs),
      ...ofSteps(job.steps ?? [], text),
      ...ofNeeds(workflow, job, text),
      ...ofMatrix(job, text),
      ...[...text.matchAll(/\binputs\.([\w-]+)/g)].flatMap(([, name = '']) =>
        known(ownInputs(workflow), name, 'input of the workflow'),
      ),
    ].map((problem) => `${id}: ${problem}`);
  });
}

const known = (names: readonly string[], name: string, what: string) =>
  names.includes(name) ? [] : [`${what} ${name} is not there`];

function ofCall({ uses = '', with: given = {}, secrets = {} }: Job): string[] {
  if (!/\/fleet\.yml(@v\d+)?$/.test(uses)) return [`${uses} is not ours`];
  return [
    ...Object.keys(given).flatMap((name) => known(callInputs(), name, 'input')),
    // another organisation's workflow inherits none
    ...(secrets === 'inherit'
      ? known(['./.github/workflows/fleet.yml'], uses, 'workflow with secrets')
      : Object.keys(secrets).flatMap((name) => known(callSecrets(), name, 'secret'))),
  ];
}

function ofInputs({ with: given = {} }: Step): string[] {
  const names = inputs.map((input) => input.name);
  const approved = given['approved-plan'] ?? '';
  // GitHub drops an output that a secret is found in
  const mayBeLost = approved.includes('needs.') && !approved.includes("|| 'none'");
  return [
    ...Object.keys(given).flatMap((name) => known(names, name, 'input')),
    ...(mayBeLost ? ['approved-plan may be empty, which is no input'] : []),
  ];
}

function ofSteps(steps: readonly Step[], text: string): string[] {
  return [...text.matchAll(/\bsteps\.([\w-]+)\.(?:outputs\.([\w-]+))?/g)].flatMap(([, id, output]) => {
    const step = steps.find((each) => each.id === id);
    if (step === undefined) return [`step ${id} is not there`];
    const names = outputs.map((each) => each.name);
    return output !== undefined && isOwn(step) ? known(names, output, 'output') : [];
  });
}

function ofNeeds({ jobs }: Workflow, { needs = [] }: Job, text: string): string[] {
  const needed = [needs].flat();
  return [
    ...needed.flatMap((id) => known(Object.keys(jobs), id, 'job')),
    ...[...text.matchAll(/\bneeds\.([\w-]+)\.(?:outputs\.([\w-]+))?/g)].flatMap(([, id = '', output]) => [
      ...known(needed, id, 'needed job'),
      ...(output === undefined ? [] : known(Object.keys(jobs[id]?.outputs ?? {}), output, 'output')),
    ]),
  ];
}

/** Of a matrix that list-hosts gave. */
function ofMatrix({ strategy, steps = [] }: Job, text: string): string[] {
  if (!/fromJSON\(needs\./.test(JSON.stringify(strategy?.matrix ?? ''))) return [];
  return [
    ...[...text.matchAll(/\bmatrix\.([\w-]+)/g)].flatMap(([, name = '']) =>
      known(matrixFields, name, 'matrix field'),
    ),
    ...steps.flatMap(({ env = {} }) =>
      Object.entries(env).flatMap(([variable, value]) =>
        !value.includes('matrix.secrets') ||
        value === `\${{ secrets[matrix.secrets.${variable} || '${variable}'] }}`
          ? []
          : [`${variable} gets ${value}`],
      ),
    ),
  ];
}
