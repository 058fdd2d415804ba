// What a real Nix says of flakes that cannot be evaluated, and of itself.
import { execFileSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { evaluateFlake } from '../../src/plan/evaluate';
import { test } from '../support/concurrent';
import { expectKnown } from '../support/known-failures';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { nixOf } from '../support/store';

const isRoot = process.getuid?.() === 0;

/** A checkout whose flake has this as its configuration web; only the flake is known to git. */
function checkout(configuration: string): string {
  const folder = temporaryFolder('checkout');
  writeFileSync(
    join(folder, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.web = ${configuration}; }; }`,
  );
  writeFileSync(join(folder, 'hardware.nix'), '{ }');
  execFileSync('git', ['init', '-q'], { cwd: folder });
  execFileSync('git', ['add', 'flake.nix'], { cwd: folder });
  return folder;
}

/** A Nix with a store of its own, in which nothing is left. */
function ownNix() {
  const runtime = testRuntime(undefined, { NIX_REMOTE: `local?root=${temporaryFolder('store')}` });
  return { nix: nixOf(runtime), signal: runtime.signal };
}

function evaluate(folder: string): Promise<Error> {
  const { nix, signal } = ownNix();
  const wanted = { script: undefined, installTest: false, specialArgs: undefined };
  return failure(evaluateFlake(nix, { uri: `git+file://${folder}`, name: 'web', path: [] }, wanted, signal));
}

test('a file of the flake is not known to git', async () => {
  const error = await evaluate(checkout('import ./hardware.nix'));
  expectKnown("path '…-source/hardware.nix' does not exist", error);
});

test('a flake says <nixpkgs>', async () => {
  const error = await evaluate(checkout('import <nixpkgs>'));
  expectKnown("cannot look up '<nixpkgs>' in pure evaluation mode", error);
});

test('a file says <nixpkgs>', async () => {
  const { nix, signal } = ownNix();
  const error = await failure(nix.evaluateExpression('<nixpkgs>', 'a file', signal));
  expectKnown("file 'nixpkgs' was not found in the Nix search path (add it using $NIX_PATH or -I)", error);
});

test('a configuration has an error', async () => {
  expectKnown('the evaluation of … failed: error: …', await evaluate(checkout('throw "no"')));
});

test('an attribute that is not there', async () => {
  const { nix, signal } = ownNix();
  const error = await failure(nix.evaluate(`git+file://${checkout('{ }')}#web`, 'x: x', signal));
  expectKnown("flake '…' does not provide attribute", error);
});

test('a git repository is on a server that does not answer', async () => {
  const runtime = testRuntime(undefined, { NIX_REMOTE: `local?root=${temporaryFolder('store')}` });
  // nobody listens there
  const installable = 'git+ssh://git@127.0.0.1:1/private#web';
  const error = await failure(nixOf(runtime).evaluate(installable, 'x: x', runtime.signal));
  expectKnown("error: resolving Git reference 'master': revspec 'master' not found", error);
});

test('Nix is killed', async () => {
  const kill = 'builtins.exec [ "sh" "-c" "kill -9 $PPID" ]';
  const runtime = testRuntime(undefined, {
    NIX_REMOTE: `local?root=${temporaryFolder('store')}`,
    NIX_CONFIG: 'allow-unsafe-native-code-during-evaluation = true',
  });
  const error = await failure(nixOf(runtime).evaluateExpression(kill, 'much', runtime.signal));
  expectKnown('Nix was killed, most likely for lack of memory', error);
});

// whoever is not root cannot give a file away
describe.runIf(isRoot)('as root', () => {
  test('the checkout belongs to another user', async () => {
    const folder = checkout('{ }');
    chownSync(folder, 65534, 65534);
    expectKnown("repository path '…' is not owned by current user", await evaluate(folder));
  });
});
