// Building on the machine, by a real Nix there, what was only evaluated here.
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { NixError } from '../../src/errors';
import { bring } from '../../src/phases/bring';
import { update } from '../../src/phases/update';
import { test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { configured } from '../support/evaluation';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, testRuntime, until } from '../support/runtime';
import { features, makeDerivation, newStore } from '../support/store';

/** A machine at some distance that is to build what it gets. */
async function buildingMachine() {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd, 10);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  const context = await contextOf(sshd, target, runtime);
  context.plan = { ...context.plan, offline: { ...context.plan.offline, buildOn: 'remote' } };
  const contents = async (store: string, path: string) => {
    const text = `nix ${features[0]} nix-command store cat --store "$1" "$2"`;
    return (await targetOf(sshd, runtime).run(script(text), [store, path])).stdout;
  };
  return { proxy, runtime, context, contents };
}

testEach(['local', newStore].map((store) => [store] as const))(
  'builds in the store of the machine that is asked for, and not here: %s',
  async (store) => {
    const { runtime, context, contents } = await buildingMachine();
    const derivation = makeDerivation('$bb cat $first >$out; echo second >>$out');
    await bring(context, 'system', derivation, store);
    expect(await contents(store, derivation.outPath)).toBe('first\nsecond\n');
    expect(existsSync(derivation.outPath)).toBe(false);
    expect(runtime.log.text).toMatch(/^debug: building \S+-second\.drv$/m);
    expect(runtime.log.text).toContain(`built there: ${derivation.outPath}`);
  },
);

test('a connection that is lost in a build costs that build, and not those before it', async () => {
  const { proxy, runtime, context, contents } = await buildingMachine();
  const derivation = makeDerivation(
    'for n in 1 2 3 4; do echo "step $n of 4"; $bb sleep 1; done; $bb cp $first $out',
  );
  const built = bring(context, 'system', derivation, newStore);
  built.catch(() => undefined);
  const begun = (name: string) =>
    runtime.log.lines.filter((line) => line.startsWith('debug: building ') && line.endsWith(`-${name}.drv`))
      .length;
  await until('the second build has begun', () => begun('second') === 1);
  proxy.cut();
  await built;
  expect(runtime.log.text).toContain(`was lost during building ${derivation.outPath}`);
  expect([begun('first'), begun('second')]).toEqual([1, 2]);
  expect(await contents(newStore, derivation.outPath)).toBe('first\n');
});

test('a build that fails there is not begun again, and gives its last lines', async () => {
  const { runtime, context } = await buildingMachine();
  const derivation = makeDerivation('echo "this does not work" >&2; exit 3');
  const error = await failure(bring(context, 'system', derivation, 'local'));
  expect(error).toBeInstanceOf(NixError);
  expect(error.message).toMatch(/^the build of \S+-second\.drv\^\* on the machine failed: /);
  expect((error as NixError).lastLines).toContain('this does not work');
  expect(runtime.log.lines.filter((line) => /^debug: building .*-second\.drv$/.test(line))).toHaveLength(1);
});

test('an update builds in the machine’s own store, and switches to what was built there', async () => {
  const { runtime, context, contents } = await buildingMachine();
  const toplevel = makeDerivation(
    '$bb mkdir -p $out/bin; echo "#!/bin/sh\necho switched by \\$0" >$out/bin/switch-to-configuration; $bb chmod 755 $out/bin/*',
  );
  context.plan = { ...context.plan, action: 'update' };
  context.evaluation = { ...configured, toplevel };
  await update(context);
  const program = `${toplevel.outPath}/bin/switch-to-configuration`;
  expect(runtime.log.text).toContain(`switch> switched by ${program}`);
  expect(await contents('local', program)).toContain('switched by');
  expect(existsSync(toplevel.outPath)).toBe(false);
  expect(context.progress.systemPath).toBe(toplevel.outPath);
});
