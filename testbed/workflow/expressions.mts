// Evaluates what stands in `${{ }}` with GitHub's own lexer, parser and evaluator.
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import type { ExpressionData } from '@actions/expressions/data/expressiondata';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { truthy } from '@actions/expressions/result';
import {
  isBasicExpression,
  isBoolean,
  isMapping,
  isNumber,
  isSequence,
  isString,
} from '@actions/workflow-parser';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';

export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
/** By their names: `github`, `needs`, … One that is not there is an error where it is used. */
export type Contexts = Readonly<Record<string, Value>>;
/** What `success()` and the like give: without arguments, which nothing here knows. */
export type StatusFunctions = Readonly<Record<string, () => boolean>>;

/** @throws Error as GitHub: for what cannot be evaluated */
export function evaluate(token: TemplateToken, contexts: Contexts, status: StatusFunctions = {}): Value {
  if (isBasicExpression(token)) return evaluateText(token.expression, contexts, status);
  if (isString(token) || isNumber(token) || isBoolean(token)) return token.value;
  if (isSequence(token)) return [...token].map((item) => evaluate(item, contexts, status));
  if (isMapping(token)) {
    const pairs = [...token].map(({ key, value }): [string, Value] => [
      key.assertString('a key').value,
      evaluate(value, contexts, status),
    ]);
    return Object.fromEntries(pairs);
  }
  if (token.isLiteral) return null;
  throw new Error(`this runner does not know ${token.typeName()}`);
}

export function evaluateText(expression: string, contexts: Contexts, status: StatusFunctions = {}): Value {
  return JSON.parse(JSON.stringify(dataOf(expression, contexts, status), data.replacer)) as Value;
}

/** What `if` makes of it: of a text that is not empty too. */
export function holds(expression: string, contexts: Contexts, status: StatusFunctions): boolean {
  return truthy(dataOf(expression, contexts, status));
}

/** As GitHub puts it into a text, a variable, or an input. */
export function textOf(value: Value): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function dataOf(expression: string, contexts: Contexts, status: StatusFunctions): ExpressionData {
  const functions = Object.entries(status).map(
    ([name, holdsNow]): FunctionDefinition => ({
      name,
      minArgs: 0,
      maxArgs: 0,
      call: () => new data.BooleanData(holdsNow()),
    }),
  );
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse();
  const given = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  return new Evaluator(tree, given, new Map(functions.map((each) => [each.name, each]))).evaluate();
}
