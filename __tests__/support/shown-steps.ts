// The steps that a page shows, for a test that carries them out as they stand there.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { readYaml, type Step, wholeWorkflow } from '../unit/workflow-rules';
import { blocksOf } from './documents';

/** All steps below a heading, in order. */
export function stepsOf(page: string, heading: string): readonly Step[] {
  return blocksOf(page, heading)
    .filter(({ language }) => language === 'yaml')
    .flatMap(({ text }) => Object.values(readYaml(page, wholeWorkflow(text)).jobs))
    .flatMap(({ steps = [] }) => steps);
}

/** The n-th step below a heading that uses the action. @throws Error where there are not so many */
export function stepOf(page: string, heading: string, n = 0): Step {
  const step = stepsOf(page, heading).filter(({ uses = '' }) => uses.includes('nixos-anywhere-action@'))[n];
  if (step === undefined) throw new Error(`${page} shows no step ${n} below ${heading}`);
  return step;
}

/** The text of the n-th block of this language below a heading. @throws Error where there are not so many */
export function blockOf(page: string, heading: string, language: string, n = 0): string {
  const block = blocksOf(page, heading).filter((each) => each.language === language)[n];
  if (block === undefined) throw new Error(`${page} shows no ${language} ${n} below ${heading}`);
  return block.text;
}

/**
 * What stands in `with` or `env` of a step, with the values of its expressions.
 *
 * @param values by the text of the expression, such as `secrets.DISK_KEY`
 * @throws Error for an expression without a value
 */
export function filled(
  fields: Readonly<Record<string, string>> | undefined,
  values: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, text]) => [name, filledText(String(text), values)]),
  );
}

function filledText(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
    const value = values[expression];
    if (value === undefined) throw new Error(`no value for ${expression}`);
    return value;
  });
}

/** Runs a `run:` step as a runner does. @returns what it printed */
export async function runShell(
  text: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string> {
  const { PATH = '/usr/bin:/bin' } = process.env;
  const { stdout } = await promisify(execFile)(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', text],
    { cwd: options.cwd, env: { PATH, ...options.env } },
  );
  return stdout;
}
