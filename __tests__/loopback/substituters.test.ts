// What the machine's Nix fetches by itself while a closure is brought to it: from a real binary cache with a password.
import { describe, expect } from 'vitest';
import { bring } from '../../src/phases/bring';
import type { PhaseContext } from '../../src/phases/context';
import { type BinaryCache, serveBinaryCache } from '../support/binary-cache';
import { test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, targetOf } from '../support/machine';
import { failure, testRuntime } from '../support/runtime';
import { makeClosure, newStore, verifiedPaths } from '../support/store';

const password = 's3cret & #=é';

/** A machine, a closure of some megabytes, and a cache that has it; what the configuration says is as usual. */
async function scene(inputs: Record<string, string>) {
  const sshd = await startMachine();
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  const closure = makeClosure({ small: 2, large: 6 });
  const cache = await serveBinaryCache(closure.path, `me:${password}`);
  const base = await contextOf(sshd, target, runtime, inputs);
  const { evaluation } = base;
  const context: PhaseContext = Object.assign(base, {
    evaluation: { ...evaluation, substituters: [cache.url], trustedPublicKeys: [cache.publicKey] },
  });
  const copy = (store: string) =>
    bring(context, 'system', { drvPath: undefined, outPath: closure.path }, store);
  /** In megabytes, by the last copy. */
  const sent = () => Number([...runtime.log.text.matchAll(/: ([\d.]+) MB sent/g)].at(-1)?.[1]);
  const left = async () =>
    (
      await target.run(
        script('ls -A /run/nixos-anywhere; cat /run/nixos-anywhere/secrets 2>/dev/null; true'),
        [],
      )
    ).stdout;
  return { context, target, closure, cache, copy, sent, left };
}

const nars = ({ answered }: BinaryCache) => answered.filter((url) => url.startsWith('/nar/')).length;
const netrc = `machine 127.0.0.1 login me password "${password}"`;

describe('a cache that asks for a password', () => {
  testEach([['local'], [newStore]])(
    'upstream: no netrc; a cache that asks for a password is used with one, for the store %s',
    async (store) => {
      const { context, closure, cache, copy, sent, left } = await scene({ netrc });
      await copy(store);
      expect(nars(cache)).toBe(closure.count);
      expect(sent()).toBeLessThan(1);
      expect(context.progress.copied).toMatchObject([{ sentPaths: 0, substituted: closure.count, built: 0 }]);
      expect(await left()).not.toMatch(/netrc|secrets/);
    },
  );

  test('is of no use without one: everything is sent', async () => {
    const { target, closure, cache, copy, sent } = await scene({});
    await copy(newStore);
    expect({ answered: cache.answered, asked: cache.refused.length > 0 }).toEqual({
      answered: [],
      asked: true,
    });
    expect(sent()).toBeGreaterThan(6);
    expect(await verifiedPaths(target)).toBe(closure.count);
  });

  test('has its netrc for root alone, and no longer than it is needed, also where the copy fails', async () => {
    const { context, target, copy, left } = await scene({ netrc });
    await target.run(
      script(
        'printf "#!/bin/sh\\nstat -c %%a,%%U /run/nixos-anywhere/netrc >/run/seen; exit 1\\n" >/run/nix-daemon; chmod 755 /run/nix-daemon; mount --bind /run/nix-daemon "$(readlink -f "$(command -v nix-daemon)")"',
      ),
      [],
    );
    await failure(copy('local'));
    expect((await target.run(script('cat /run/seen'), [])).stdout).toBe('600,root\n');
    await context.cleanUp.run(async () => true, context.runtime.log, context.runtime.signal);
    expect(await left()).not.toMatch(/netrc|secrets/);
  });
});

describe('a machine that shall not use them', () => {
  testEach([['no-use-machine-substituters'], ['no-substitute-on-destination']])(
    'with %s asks none of the configuration’s',
    async (input) => {
      const { target, closure, cache, copy, sent } = await scene({ [input]: 'true' });
      await copy(newStore);
      expect([...cache.answered, ...cache.refused]).toEqual([]);
      expect(sent()).toBeGreaterThan(6);
      expect(await verifiedPaths(target)).toBe(closure.count);
    },
  );

  testEach([
    ['no-use-machine-substituters', true],
    ['no-substitute-on-destination', false],
  ])('with %s its own are asked only if that allows it', async (input, asks) => {
    const { target, cache, copy } = await scene({ [input]: 'true' });
    await target.run(script(`echo "substituters = $1" >>/run/nix-conf/nix.conf`), [cache.url]);
    await copy('local');
    await copy(newStore);
    expect(cache.refused.length > 0).toBe(asks);
  });

  test('still takes what it has already from the installer’s store', async () => {
    const { copy, sent } = await scene({ 'no-substitute-on-destination': 'true' });
    await copy('local');
    expect(sent()).toBeGreaterThan(6);
    await copy(newStore);
    expect(sent()).toBeLessThan(1);
  });
});

test('setting the profile as nixos-install does asks no substituter: the closure is complete', async () => {
  const { target, closure, cache, copy } = await scene({ 'no-use-machine-substituters': 'true' });
  await copy(newStore);
  const asItDoes = `nix-env --store /mnt --option substituters "$1" --extra-substituters 'auto?trusted=1' \\
    -p /mnt/nix/var/nix/profiles/system --set "$2" && readlink -m /mnt/nix/var/nix/profiles/system`;
  const { stdout } = await target.run(script(asItDoes), [cache.url, closure.path]);
  expect(stdout.trim()).toContain(closure.path);
  expect([...cache.answered, ...cache.refused]).toEqual([]);
});
