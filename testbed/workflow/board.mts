// The list of a run's jobs that GitHub's API gives, for the stand-in for `gh`.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluate, textOf } from './expressions.mts';
import type { Fields } from './parse.mts';
import type { Outcome } from './state.mts';

/** Holds `gh`. */
export const programs = fileURLToPath(new URL('bin', import.meta.url));
/** So few that a fleet of three has several. */
const jobsPerPage = 2;

export class Board {
  readonly folder: string;
  readonly #jobs: { id: number; name: string; status: string; conclusion: Outcome | null }[] = [];

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#write();
  }

  /** @param name as in the file; the list has the calling workflow's job before it */
  begin(name: string): (conclusion: Outcome) => void {
    const job = {
      id: this.#jobs.length + 1,
      name: `fleet / ${name}`,
      status: 'in_progress',
      conclusion: null,
    };
    const index = this.#jobs.push(job) - 1;
    this.#write();
    return (conclusion) => {
      this.#jobs[index] = { ...job, status: 'completed', conclusion };
      this.#write();
    };
  }

  /** Those that were opened, each as `BRANCH: TITLE`. */
  pullRequests(): readonly string[] {
    const file = join(this.folder, 'pull-requests');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  #write(): void {
    for (let page = 0; page * jobsPerPage <= this.#jobs.length; page++) {
      const jobs = this.#jobs.slice(page * jobsPerPage, (page + 1) * jobsPerPage);
      const file = join(this.folder, `${String(page).padStart(4, '0')}.json`);
      // a step may be reading it
      writeFileSync(`${file}.new`, JSON.stringify({ total_count: this.#jobs.length, jobs }));
      renameSync(`${file}.new`, file);
    }
  }
}

/** What `gh` has to know of a job. @param permissions of the job, or of its workflow */
export function variablesForGh(board: Board, permissions: Fields): Record<string, string> {
  const may = (name: string, ...levels: readonly string[]) => {
    const level = permissions.get(name);
    return level !== undefined && levels.includes(textOf(evaluate(level, {}))) ? 'yes' : 'no';
  };
  return {
    TESTBED_JOBS: board.folder,
    TESTBED_PULL_REQUESTS: join(board.folder, 'pull-requests'),
    TESTBED_MAY_READ_ACTIONS: may('actions', 'read', 'write'),
    TESTBED_MAY_OPEN_PULL_REQUESTS: may('pull-requests', 'write'),
  };
}
