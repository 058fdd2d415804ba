// Reads a workflow file with GitHub's own parser. What the runner does not know is an error here, before anything runs.
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { convertToIfCondition } from '@actions/workflow-parser/model/converter/if-condition';
import type { TemplateContext } from '@actions/workflow-parser/templates/template-context';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { TokenType } from '@actions/workflow-parser/templates/tokens/types';

/** The tokens of a mapping, by key. */
export type Fields = ReadonlyMap<string, TemplateToken>;

export interface StepDefinition {
  readonly fields: Fields;
  /** With a status function in it. */
  readonly condition: string;
}

export interface JobDefinition {
  readonly id: string;
  readonly needs: readonly string[];
  readonly fields: Fields;
  readonly condition: string;
  readonly steps: readonly StepDefinition[];
}

export interface WorkflowDefinition {
  readonly fields: Fields;
  /** Of workflow_call, or of workflow_dispatch where there is no other. */
  readonly inputs: Fields;
  readonly jobs: readonly JobDefinition[];
}

const known = {
  workflow: ['name', 'on', 'permissions', 'concurrency', 'env', 'jobs'],
  triggers: ['workflow_call', 'workflow_dispatch', 'push', 'pull_request', 'schedule'],
  trigger: ['inputs', 'secrets'],
  job: [
    ...['name', 'needs', 'if', 'runs-on', 'timeout-minutes', 'permissions', 'concurrency', 'environment'],
    ...['strategy', 'env', 'outputs', 'steps'],
  ],
  step: ['id', 'name', 'if', 'uses', 'with', 'run', 'shell', 'env', 'continue-on-error'],
} as const;

/** @returns what is wrong with the file by GitHub's own schema and rules, each with its line */
export async function problemsIn(name: string, content: string): Promise<readonly string[]> {
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value !== undefined) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

/** @throws Error with all that is wrong, or that this runner does not know */
export async function readWorkflow(name: string, content: string): Promise<WorkflowDefinition> {
  const problems = await problemsIn(name, content);
  if (problems.length > 0) throw new Error(`${name} is no workflow:\n${problems.join('\n')}`);
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value === undefined) throw new Error(`${name} is empty`);
  const fields = fieldsOf(value, known.workflow, name);
  const triggers = fieldsOf(fields.get('on'), known.triggers, 'on');
  const asked = triggers.get('workflow_call') ?? triggers.get('workflow_dispatch');
  const jobs = [...allFields(fields.get('jobs'))].map(([id, token]) => readJob(id, token, context));
  return { fields, inputs: allFields(fieldsOf(asked, known.trigger, 'on').get('inputs')), jobs };
}

function readJob(id: string, token: TemplateToken, context: TemplateContext): JobDefinition {
  const fields = fieldsOf(token, known.job, id);
  const steps = [...(fields.get('steps')?.assertSequence(`${id}.steps`) ?? [])].map((step) => {
    const ofStep = fieldsOf(step, known.step, `a step of ${id}`);
    return { fields: ofStep, condition: conditionOf(ofStep, context) };
  });
  return { id, fields, condition: conditionOf(fields, context), needs: textsOf(fields.get('needs')), steps };
}

function conditionOf(fields: Fields, context: TemplateContext): string {
  const token = fields.get('if');
  const condition = token === undefined ? undefined : convertToIfCondition(context, token);
  return condition?.expression ?? 'success()';
}

function textsOf(token: TemplateToken | undefined): readonly string[] {
  if (token === undefined) return [];
  return token.isScalar
    ? [token.assertString('a name').value]
    : [...token.assertSequence('names')].map((each) => each.assertString('a name').value);
}

/** @throws Error for a key that is not among these */
export function fieldsOf(token: TemplateToken | undefined, names: readonly string[], where: string): Fields {
  const fields = allFields(token);
  for (const name of fields.keys())
    if (!names.includes(name)) throw new Error(`this runner does not know ${name}, which ${where} has`);
  return fields;
}

export function allFields(token: TemplateToken | undefined): Fields {
  // of a key without a value
  if (token === undefined || token.templateTokenType === TokenType.Null) return new Map();
  return new Map(
    [...token.assertMapping('a mapping')].map(({ key, value }) => [key.assertString('a key').value, value]),
  );
}
