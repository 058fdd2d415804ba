import { fieldsAt, isFields, listAt, MisshapenError, textAt } from '../checked-json';
import { parseFlakeReference } from './flake-reference';
import type { Parser } from './parsers';

/** One host in the matrix of a workflow: a job each. */
export interface MatrixHost {
  readonly host: string;
  /** For the input flake: `.#web-1`. */
  readonly flake: string;
  readonly tags: readonly string[];
  /** GitHub's environment; empty for none. */
  readonly environment: string;
  /** Names of the repository's secrets, by the variables that get them. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Why there is a job for it. */
  readonly reason: string;
  /** For the input approved-plan; notApproved before there is a plan. */
  readonly 'approved-plan': string;
}

/** What no run takes for an approval. An empty text would be no input at all, and any plan would be carried out. */
export const notApproved = 'none';

/** As GitHub takes it for `strategy.matrix`. */
export interface Matrix {
  readonly include: readonly MatrixHost[];
}

/** GitHub starts no more jobs than that from a matrix. */
export const mostJobs = 256;
/** An input is one variable of a program's environment, of which Linux takes 128 KiB with its name (MAX_ARG_STRLEN). */
export const longestMatrix = 130_000;

const remedy = 'hand on the output matrix of list-hosts as it is';

/** Reads what matrixJson has written, and nothing else. */
export const matrix: Parser<Matrix> = (text) => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: `is no whole JSON; ${remedy}` };
  }
  try {
    const include = listAt(value, 'include').map(readHost);
    requireOnly(value, ['include']);
    const problem = problemWith(include);
    return problem === undefined ? { ok: { include } } : { problem };
  } catch (error) {
    if (!(error instanceof MisshapenError)) throw error;
    return { problem: `is not that of list-hosts: ${error.message}; ${remedy}` };
  }
};

export function matrixJson(include: readonly MatrixHost[]): string {
  return JSON.stringify({ include } satisfies Matrix);
}

function problemWith(hosts: readonly MatrixHost[]): string | undefined {
  if (hosts.length > mostJobs) return `has ${hosts.length} hosts, more than ${mostJobs}; ${remedy}`;
  const names = hosts.map(({ host }) => host);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? undefined : `has the host ${twice} twice; ${remedy}`;
}

const fields = ['host', 'flake', 'tags', 'environment', 'secrets', 'reason', 'approved-plan'];
const word = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/;
const approval = new RegExp(`^(${notApproved}|sha256:[0-9a-f]{64})$`);
const line = /^[^\p{Cc}]{0,1000}$/u;
/** As long as flakes may be, and names of hosts. */
const reference = /^[^\p{Cc}]{0,4300}$/u;

function readHost(value: unknown): MatrixHost {
  requireOnly(value, fields);
  const host = textAt(value, 'host', word);
  const flake = textAt(value, 'flake', reference);
  const parsed = parseFlakeReference(flake);
  if (typeof parsed === 'string' || parsed.name !== host)
    throw new MisshapenError(`its flake of ${host} is not the one of that host`);
  return {
    host,
    flake,
    tags: listAt(value, 'tags').map((tag) => textAt({ tag }, 'tag', word)),
    environment: textAt(value, 'environment', line),
    secrets: Object.fromEntries(
      Object.entries(fieldsAt(value, 'secrets')).map(([variable, name]) => [
        textAt({ variable }, 'variable', /^[A-Z_][A-Z0-9_]*$/),
        textAt({ secret: name }, 'secret', /^[A-Za-z_][A-Za-z0-9_]*$/),
      ]),
    ),
    reason: textAt(value, 'reason', line),
    'approved-plan': textAt(value, 'approved-plan', approval),
  };
}

function requireOnly(value: unknown, names: readonly string[]): void {
  if (!isFields(value)) throw new MisshapenError('it is no object');
  const other = Object.keys(value).find((name) => !names.includes(name));
  if (other !== undefined) throw new MisshapenError(`it has ${JSON.stringify(other.slice(0, 60))} in it`);
}
