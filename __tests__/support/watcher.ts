// Looks over the shoulder of a process: at the arguments and the environment of everything that it starts.
import { readdirSync, readFileSync } from 'node:fs';

/** Of one descendant: what it was seen with that it should not have. */
export interface Sighting {
  command: string;
  /** `arguments` or `environment` */
  where: string;
  found: string;
}

/** Follows the descendants of a process as fast as it can, until it is stopped. */
export class Watcher {
  /** The command lines that were seen. */
  readonly commands = new Set<string>();
  readonly sightings: Sighting[] = [];
  readonly #needles: readonly string[];
  readonly #seen = new Set<string>();
  #stopped = false;

  constructor(needles: readonly string[]) {
    this.#needles = needles;
  }

  /**
   * Leaves out the process itself: the runner fills its environment. A child that has not executed its program yet is
   * still a copy of it, and is left out by its arguments.
   */
  watch(pid: number): void {
    const look = () => {
      if (this.#stopped) return;
      const itself = commandOf(pid);
      for (const descendant of descendants(pid)) this.#inspect(descendant, itself);
      setImmediate(look);
    };
    look();
  }

  stop(): void {
    this.#stopped = true;
  }

  #inspect(pid: number, itself: string): void {
    // read before the environment, which then belongs to this program or to the next one
    const command = commandOf(pid);
    const environment = read(`/proc/${pid}/environ`);
    // a process is one thing before and another after it executes a program
    const state = `${pid} ${command} ${environment.length}`;
    if (command === '' || command === itself || this.#seen.has(state)) return;
    this.#seen.add(state);
    this.commands.add(command);
    for (const [where, text] of [
      ['arguments', command],
      ['environment', environment],
    ] as const) {
      for (const found of this.#needles)
        if (text.includes(found)) this.sightings.push({ command, where, found });
    }
  }
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function descendants(pid: number): number[] {
  return threads(pid).flatMap((thread) => {
    const children = read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number);
    return children.flatMap((child) => [child, ...descendants(child)]);
  });
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty where the process has gone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
