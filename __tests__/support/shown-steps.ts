// The steps that a page shows, as they are to be run here: so that the page is what is carried out, and cannot say anything else.
import { expect } from 'vitest';
import { blocksOf } from './documents';
import { isOwn, readYaml, type Step, stepsIn, wholeWorkflow } from './read-workflow';

type Texts = Readonly<Record<string, string>>;

/** All steps below a heading, in order. */
export function stepsOf(page: string, heading: string): readonly Step[] {
  return blocksOf(page, heading)
    .filter(({ language }) => language === 'yaml')
    .flatMap(({ text }) => stepsIn(readYaml(page, wholeWorkflow(text))));
}

/** The n-th step below a heading that uses the action, or the only one. @throws Error where there are others, or not so many */
export function stepOf(page: string, heading: string, n?: number): Step {
  const own = stepsOf(page, heading).filter(isOwn);
  const step = own[n ?? 0];
  if (step === undefined || (n === undefined && own.length > 1))
    throw new Error(`${page}, ${heading}: ${own.length} steps`);
  return step;
}

export interface Here {
  /** What stands for `${{ … }}`, by what is between the braces: `secrets.SSH_PRIVATE_KEY`. */
  readonly expressions?: Texts;
  /** Addresses, paths and the like of the test, for those that the page has: inputs that the step does not have are refused. */
  readonly instead?: Texts;
  /** Inputs that only the test needs, or that the page may have or not. */
  readonly besides?: Texts;
  /** Variables of the test, on top of the step’s own. */
  readonly env?: Texts;
}

export interface ShownStep {
  readonly inputs: Record<string, string>;
  readonly env: Record<string, string>;
}

/**
 * The n-th step with this action below a heading, or the only one, as it is to be run here.
 *
 * @throws where the page says something for which the test has nothing, or no longer says what the test replaces
 */
export function shownStep(page: string, heading: string, here: Here, n?: number): ShownStep {
  const { instead = {}, besides = {}, expressions } = here;
  const { with: shown = {}, env = {} } = stepOf(page, heading, n);
  for (const name of Object.keys(instead)) expect(shown, `${page}, ${heading}`).toHaveProperty(name);
  return {
    inputs: withOwn(shown, { ...instead, ...besides }, expressions),
    env: withOwn(env, here.env ?? {}, expressions),
  };
}

/** Of what the test has in their place expressions need no value. */
function withOwn(shown: Texts, own: Texts, expressions?: Texts): Record<string, string> {
  const others = Object.entries(shown).filter(([name]) => !(name in own));
  return { ...filled(Object.fromEntries(others), expressions), ...own };
}

/**
 * What stands in `with` or `env` of a step, with the values of its expressions.
 *
 * @param values by the text of the expression, such as `secrets.DISK_KEY`
 * @throws Error for an expression without a value
 */
export function filled(texts: Texts = {}, values: Texts = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const [, expression] = /^\$\{\{ (.*) \}\}$/s.exec(text) ?? [];
      return [name, expression === undefined ? text : valueFor(expression, values)];
    }),
  );
}

function valueFor(expression: string, values: Texts): string {
  // what GitHub’s parser makes of a text with expressions in it
  const [, format, names = ''] = /^format\('((?:[^']|'')*)'((?:, [\w.-]+)*)\)$/s.exec(expression) ?? [];
  if (format !== undefined)
    return names
      .split(', ')
      .slice(1)
      .reduce((text, name, index) => text.replaceAll(`{${index}}`, () => valueFor(name, values)), format)
      .replaceAll("''", "'");
  const value = values[expression];
  if (value === undefined) throw new Error(`the test has no ${expression}`);
  return value;
}
