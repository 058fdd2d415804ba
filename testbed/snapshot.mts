// Where a saved machine lies, and for what it holds.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './paths.mts';

/** target: Debian is up; installer: it was taken over by the kexec image, which is up. */
export type Snapshot = 'target' | 'installer';

const images: Record<Snapshot, string[]> = { target: ['target'], installer: ['target', 'installer'] };

/** The files of one snapshot: disk (over the target's), the firmware's variables, memory and devices. */
export class SnapshotFiles {
  readonly #snapshot: Snapshot;
  readonly #folder: string;

  /** @param machineKey what else it depends on besides the images */
  constructor(snapshot: Snapshot, machineKey: string) {
    const stamps = images[snapshot].map((name) => readFileSync(join(cacheFolder, `${name}.stamp`), 'utf8'));
    const key = createHash('sha256')
      .update(JSON.stringify([stamps, machineKey]))
      .digest('hex')
      .slice(0, 16);
    this.#snapshot = snapshot;
    this.#folder = join(cacheFolder, 'snapshots', `${snapshot}-${key}`);
  }

  get exist(): boolean {
    return existsSync(this.#folder);
  }

  get disk(): string {
    return join(this.#folder, 'disk.qcow2');
  }

  get variables(): string {
    return join(this.#folder, 'variables.fd');
  }

  get state(): string {
    return join(this.#folder, 'state');
  }

  /** Has `write` fill a new folder, which then takes the place of all earlier ones of this snapshot. */
  async replace(write: (folder: string) => Promise<void>): Promise<void> {
    const parent = join(cacheFolder, 'snapshots');
    const partial = join(parent, `partial-${this.#snapshot}`);
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    await write(partial);
    for (const name of readdirSync(parent)) {
      if (name.startsWith(`${this.#snapshot}-`)) rmSync(join(parent, name), { recursive: true });
    }
    renameSync(partial, this.#folder);
  }
}
