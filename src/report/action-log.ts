import * as core from '@actions/core';
import { formatDuration } from '../deadlines';
import { CancelledError, type Place } from '../errors';
import type { Clock, Logger } from '../runtime';
import type { SecretRegistry } from '../secrets';
import { annotationPlace } from './annotation-place';
import { neutralise } from './neutralise';

/** The job's log. Whatever is printed passes through here: made harmless line by line, secrets replaced. */
export class ActionLog implements Logger {
  readonly #secrets: SecretRegistry;
  readonly #clock: Clock;
  /** Shows what is otherwise only shown in the runner's debug mode. */
  debugShown = false;
  /** The group that lines go into now. */
  #open: { readonly title: string; readonly start: number } | undefined;

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

  warning(text: string, places: readonly Place[] = []): void {
    core.warning(this.#safeLines(text).join('\n'), this.#placeOf(places));
  }

  error(text: string, title: string, places: readonly Place[] = []): void {
    // a run that was cancelled does not wait for the end of its phase, and within a group nobody would see why
    this.#close('stopped after ');
    core.error(this.#safeLines(text).join('\n'), { title, ...this.#placeOf(places) });
  }

  foreign(origin: string, line: string): void {
    for (const safe of this.#safeLines(line)) core.info(`${origin}> ${safe}`);
  }

  async group<T>(name: string, work: () => Promise<T>): Promise<T> {
    // it is printed once more at the end, where it is no part of a command
    const title = this.#safeLines(name).join(' ');
    this.#open = { title, start: this.#clock.now() };
    core.startGroup(title);
    try {
      const result = await work();
      this.#close('');
      return result;
    } catch (error) {
      this.#close(error instanceof CancelledError ? 'stopped after ' : 'failed after ');
      throw error;
    }
  }

  /** The last line of a group says how it ended, and how long it took. */
  #close(how: string): void {
    if (this.#open === undefined) return;
    const { title, start } = this.#open;
    this.#open = undefined;
    core.info(`${title}: ${how}${formatDuration(this.#clock.now() - start)}`);
    core.endGroup();
  }

  #placeOf(places: readonly Place[]): core.AnnotationProperties {
    return annotationPlace(places, process.env.GITHUB_WORKSPACE, (text) => this.#secrets.redact(text));
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
