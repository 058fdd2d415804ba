import { expect, test } from 'vitest';
import { noCache } from '../../src/cache/run-cache';
import { NixError } from '../../src/errors';
import { build } from '../../src/phases/build';
import type { PhaseContext } from '../../src/phases/context';
import { Progress } from '../../src/report/result';
import type { RunOptions } from '../../src/ssh/running-script';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { fakeRuntime, makeTestKey } from './support';

test('a build that fails is not held back by what an earlier run left running', async () => {
  const target = {
    survivingDrops: <T>(_what: string, work: () => Promise<T>) => work(),
    run: ({ name }: { name: string }, _args: unknown, { signal }: RunOptions) =>
      name === 'detached-follow.sh'
        ? new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        : Promise.resolve({
            code: 0,
            stdout: name === 'leftovers.sh' ? 'disko-1 running\n' : '',
            errorLines: [],
          }),
  };
  const failed = new NixError('the build failed');
  const context = {
    settings: machineSettings({ flake: '.#x', 'target-host': 'root@x', 'ssh-private-key': makeTestKey() }),
    runtime: fakeRuntime(),
    target,
    progress: new Progress(),
    cache: noCache,
    nix: {
      build: () => new Promise((_, reject) => setTimeout(() => reject(failed), 50)),
    },
    evaluation: configured,
    plan: { phases: ['build', 'kexec', 'disko', 'install'], offline: { buildOn: 'local' } },
  };
  await expect(build(context as unknown as PhaseContext)).rejects.toBe(failed);
});
