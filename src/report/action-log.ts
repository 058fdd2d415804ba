import * as core from '@actions/core';
import { formatDuration } from '../deadlines';
import type { Clock, Logger } from '../runtime';
import type { SecretRegistry } from '../secrets';
import { neutralise } from './neutralise';

/** The job's log. Whatever is printed passes through here: made harmless line by line, secrets replaced. */
export class ActionLog implements Logger {
  readonly #secrets: SecretRegistry;
  readonly #clock: Clock;
  /** Shows what is otherwise only shown in the runner's debug mode. */
  debugShown = false;

  constructor(secrets: SecretRegistry, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  info(text: string): void {
    for (const line of this.#safeLines(text)) core.info(line);
  }

  debug(text: string): void {
    for (const line of this.#safeLines(text)) {
      if (this.debugShown) core.info(`  ${line}`);
      else core.debug(line);
    }
  }

  warning(text: string): void {
    core.warning(this.#safeLines(text).join('\n'));
  }

  error(text: string, title: string): void {
    core.error(this.#safeLines(text).join('\n'), { title });
  }

  foreign(origin: string, line: string): void {
    for (const safe of this.#safeLines(line)) core.info(`${origin}> ${safe}`);
  }

  async group<T>(title: string, work: () => Promise<T>): Promise<T> {
    const start = this.#clock.now();
    core.startGroup(title);
    try {
      return await work();
    } finally {
      core.info(`${title}: ${formatDuration(this.#clock.now() - start)}`);
      core.endGroup();
    }
  }

  #safeLines(text: string): string[] {
    return (
      this.#secrets
        .redact(text)
        .split(/\r\n|\r|\n/)
        // again: what was between the parts of a secret is gone now
        .map((line) => this.#secrets.redact(neutralise(line)))
    );
  }
}
