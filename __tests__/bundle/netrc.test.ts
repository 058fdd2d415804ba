// A private cache: the password on its way from a variable of the step to the Nix of an installer, and that nothing of
// it stays there.
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type BinaryCache, serveBinaryCache } from '../support/binary-cache';
import { inputsFor, makeDiskoFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { expectNoLeak, LeakWatch, tracesOnTarget } from '../support/leak';
import { script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';
import { features, nix } from '../support/store';

/** A flake whose configuration names a cache that has its disko script. */
async function privateFlake(credentials: string): Promise<{ flake: string; cache: BinaryCache }> {
  const flake = makeDiskoFlake('[ ! -e /run/nixos-anywhere/netrc ]; mount -t tmpfs none /mnt');
  const installable = `path:${flake}#nixosConfigurations.demo.config.system.build.diskoScript`;
  const path = nix('nix', ['build', ...features, '--no-link', '--print-out-paths', installable]);
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', path]));
  const cache = await serveBinaryCache(path, credentials);
  const file = join(flake, 'flake.nix');
  const settings = `substituters = [ "${cache.url}" ]; trusted-public-keys = [ "${cache.publicKey}" ]`;
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('substituters = [ ]; trusted-public-keys = [ ]', settings));
  return { flake: `${flake}#demo`, cache };
}

/** The computer's /tmp is not the machine's own. */
const folders = ['/run', '/root', '/var/tmp', '/mnt', '/etc'];

test('a netrc reaches the target’s Nix, is gone before disko runs, and is seen nowhere else', async () => {
  const password = `s3cret ${randomUUID()}`;
  const { flake, cache } = await privateFlake(`me:${password}`);
  const sshd = await startMachine({ installer: true });
  const dir = temporaryFolder('netrc');
  const watch = new LeakWatch(dir, [password], ['NETRC=']);
  watch.watcher.watch(sshd.pid);
  const inputs = {
    ...inputsFor(sshd, flake),
    plan: 'false',
    phases: 'disko',
    netrc: 'env:NETRC',
    debug: 'true',
  };
  const run = await runBundle({
    inputs,
    env: { NETRC: `machine 127.0.0.1 login me password "${password}"\r\n` },
    dir,
    onStart: watch.onStart,
    onLine: watch.onLine,
  });
  watch.stop();
  expect(run.code, run.log).toBe(0);
  expect(cache.answered.filter((url) => url.startsWith('/nar/'))).toHaveLength(1);
  expect(run.log).toContain(`::add-mask::${password}\n`);
  // the watcher has seen the work on the target
  expect([...watch.watcher.commands].join('\n')).toMatch(
    /nix-daemon .*netrc-file \/run\/nixos-anywhere\/netrc/,
  );
  expectNoLeak({ ...run, watch }, [password]);
  const observer = targetOf(sshd, testRuntime());
  const onTarget = async (command: string, input: string) =>
    (await observer.run(script(command), [], { stdin: Buffer.from(input) })).stdout;
  expect(await tracesOnTarget(onTarget, [password], folders)).toEqual([]);
});

test('a machine that known-hosts does not pin gets no netrc', async () => {
  const sshd = await startMachine({ installer: true });
  const inputs = { ...inputsFor(sshd, `${makeDiskoFlake('')}#demo`), plan: 'false', phases: 'disko' };
  const netrc = 'machine a login me password s3cret-word';
  const run = await runBundle({ inputs: { ...inputs, netrc, 'known-hosts': '' } });
  expect(run.errors[0]).toContain('this run sends secrets (netrc) to the machine');
});

test('a text that is no netrc is refused without being shown', async () => {
  const run = await runBundle({ inputs: { flake: '.#demo', netrc: 'hunter2-and-more' } });
  expect(run.errors[0]).toContain('input netrc: is no netrc file');
  expectNoLeak(run, ['hunter2-and-more']);
});
