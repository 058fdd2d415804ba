// Workflows as text: a file's, or what a page shows of one.
import {
  isBasicExpression,
  isMapping,
  isSequence,
  NoOperationTraceWriter,
  parseWorkflow,
} from '@actions/workflow-parser';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';

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

/** Those of all jobs, in order. */
export const stepsIn = ({ jobs }: Workflow): Step[] => Object.values(jobs).flatMap(({ steps = [] }) => steps);
