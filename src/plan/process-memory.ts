import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What evaluations leave to the rest of the runner, as colmena does (EVAL_RESERVE_MB). */
const reserved = 1 << 30;
/** The first NixOS configuration takes about that much, with all of nixpkgs that it looks at; each further one less. */
const firstHost = 1 << 30;

/** How many evaluations may run side by side. */
export function sideBySideWithin(
  wanted: number,
  available = process.availableMemory(),
  cores = availableParallelism(),
): number {
  const fit = Math.floor((available - reserved) / firstHost);
  return Math.max(1, Math.min(wanted, cores, fit));
}

/** Bytes for each of the evaluations that run side by side; a container's limit counts. */
export function shareOfMemory(atOnce: number, available = process.availableMemory()): number {
  return Math.max(available - reserved, firstHost) / atOnce;
}

/**
 * Watches what a process uses. A Nix that evaluates keeps all that it has evaluated, and what a host takes is known only
 * afterwards: 50 MB for a container, 500 MB for a desktop.
 */
export class ProcessMemory {
  readonly #limit: number;
  #pid: number | undefined;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  is(pid: number): void {
    this.#pid = pid;
  }

  /** Whether one host more, of the size of those that are done, would be too much. */
  isFullAfter(done: number): boolean {
    return (this.#used() * (done + 1)) / done > this.#limit;
  }

  /** Bytes; 0 where it is not known. */
  #used(): number {
    try {
      const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
      return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    } catch {
      // it has ended already
      return 0;
    }
  }
}
