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

/** Reads what matrixJson has written, and nothing else. */
export const matrix: Parser<Matrix> = (text) => {
  try {
    const value: unknown = JSON.parse(text);
    if (isMatrix(value)) return { ok: value };
  } catch {
    // said below
  }
  return { problem: 'is not what the output matrix of list-hosts was; hand that on as it is' };
};

export function matrixJson(include: readonly MatrixHost[]): string {
  return JSON.stringify({ include } satisfies Matrix);
}

function isMatrix(value: unknown): value is Matrix {
  const include = field(value, 'include');
  return Array.isArray(include) && include.every(isMatrixHost);
}

function isMatrixHost(value: unknown): value is MatrixHost {
  const texts = ['host', 'flake', 'environment', 'reason', 'approved-plan'];
  const [tags, secrets] = [field(value, 'tags'), field(value, 'secrets')];
  return (
    texts.every((name) => typeof field(value, name) === 'string') &&
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === 'string') &&
    typeof secrets === 'object' &&
    secrets !== null &&
    Object.values(secrets).every((name) => typeof name === 'string')
  );
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
