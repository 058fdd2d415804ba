// What a workflow says that uses this action, held against what the action and its reusable workflow are.
import { readFileSync } from 'node:fs';
import { type MatrixHost, matrixJson } from '../../src/inputs/matrix';
import { inputs } from '../../src/inputs/table';
import { outputs } from '../../src/report/outputs';
import { isOwn, type Job, readYaml, type Step, type Workflow } from '../support/read-workflow';

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
