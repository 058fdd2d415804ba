// What a real Nix says of builds, copies and stores that fail.
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { atEnd, test } from '../support/concurrent';
import { expectKnown } from '../support/known-failures';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';
import { features, makeClosure, nix, nixOf } from '../support/store';

const { signal } = new AbortController();
const isRoot = process.getuid?.() === 0;

/** The runner's Nix, with a store of its own. */
function runnerNix(environment: Record<string, string> = {}, root = temporaryFolder('store')) {
  const store = `local?root=${root}`;
  return { runner: nixOf(testRuntime(undefined, { NIX_REMOTE: store, ...environment })), store };
}

/** Fails to build a derivation that is called web. */
async function failToBuild(attributes: Record<string, string>, nixConfig = ''): Promise<Error> {
  const NIX_CONFIG = `${nixEnvironment().NIX_CONFIG}\n${nixConfig}`;
  const { runner, store } = runnerNix({ NIX_CONFIG });
  const all = { name: '"web"', system: '"x86_64-linux"', builder: '"/bin/sh"', ...attributes };
  const text = Object.entries(all).map(([name, value]) => `${name} = ${value};`);
  const instantiate = ['--expr', `derivation { ${text.join(' ')} }`];
  const drvPath = nix('nix-instantiate', instantiate, { NIX_REMOTE: store }).split('\n').at(-1) ?? '';
  return failure(runner.build([`${drvPath}^*`], signal));
}

test('a build needs KVM, and there is none', async () => {
  const error = await failToBuild(
    { requiredSystemFeatures: '[ "kvm" "nixos-test" ]' },
    'system-features = nixos-test',
  );
  expectKnown("a 'x86_64-linux' with features {kvm, nixos-test} is required to build '…-web.drv'", error);
});

test('a build is for another architecture', async () => {
  const error = await failToBuild({ system: '"aarch64-linux"' });
  expectKnown(
    "a 'aarch64-linux' with features {} is required to build '…-web.drv', but I am a 'x86_64-linux'",
    error,
  );
});

test('a builder is killed', async () => {
  // the builder itself is the first process of its sandbox, which nobody kills from within
  const error = await failToBuild({ args: `[ "-c" "/bin/sh -c 'kill -9 $$'; exit $?" ]` });
  expectKnown("builder for '…-web.drv' failed with exit code 137", error);
});

test('a file is not what its hash says', async () => {
  const error = await failToBuild({
    args: '[ "-c" "echo changed >$out" ]',
    outputHashMode: '"flat"',
    outputHash: '"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="',
  });
  expectKnown("hash mismatch in fixed-output derivation '…-web.drv':", error);
});

test('a store has paths that nobody has signed', async () => {
  const closure = makeClosure({ small: 1, large: 0 });
  const cache = `file://${temporaryFolder('cache')}`;
  nix('nix', ['copy', ...features, '--to', cache, closure.path]);
  const error = await failure(runnerNix().runner.fetch([closure.path], cache, signal));
  expectKnown("cannot add path '…' because it lacks a signature by a trusted key", error);
});

test('a substituter has a name that nobody knows', async () => {
  const error = await failure(runnerNix().runner.fetch(['/nix/store/x'], 'https://cache.invalid', signal));
  expectKnown("unable to download '…': Could not resolve hostname (6) Could not resolve host: …", error);
});

test('the daemon of the runner is not there', async () => {
  const NIX_DAEMON_SOCKET_PATH = join(temporaryFolder('socket'), 'socket');
  const { runner } = runnerNix({ NIX_REMOTE: 'daemon', NIX_DAEMON_SOCKET_PATH });
  expectKnown("cannot connect to socket at '…'", await failure(runner.storeInfo(signal)));
});

test('the daemon of the runner does not trust the user', async () => {
  const socket = join(temporaryFolder('socket'), 'socket');
  const { NIX_CONFIG, PATH } = nixEnvironment();
  const daemon = spawn('nix-daemon', {
    env: {
      ...process.env,
      PATH,
      NIX_CONFIG: `${NIX_CONFIG}\ntrusted-users = somebody-else`,
      NIX_REMOTE: `local?root=${temporaryFolder('store')}`,
      NIX_DAEMON_SOCKET_PATH: socket,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  atEnd(() => void daemon.kill());
  await until('it answers', () => existsSync(socket));
  const { runner } = runnerNix({
    NIX_REMOTE: `unix://${socket}`,
    NIX_CONFIG: `${NIX_CONFIG}\nextra-substituters = http://127.0.0.1:9`,
  });
  const error = await failure(
    runner.build(['/nix/store/00000000000000000000000000000000-not-there'], signal),
  );
  expectKnown("ignoring untrusted substituter 'http://127.0.0.1:9', you are not a trusted user.", error);
});

/** A Nix that is run by a program before it. */
function nixBehind(shell: string): { PATH: string } {
  const folder = temporaryFolder('wrapped');
  const { PATH } = nixEnvironment();
  writeFileSync(join(folder, 'nix'), `#!/bin/sh\nPATH='${PATH}'\n${shell}\n`);
  chmodSync(join(folder, 'nix'), 0o755);
  return { PATH: `${folder}${delimiter}${PATH}` };
}

test('an evaluation takes more memory than there is', async () => {
  const { runner } = runnerNix(nixBehind('ulimit -v 1500000\nexec nix "$@"'));
  const much =
    'let f = n: if n == 0 then [ ] else [ (builtins.genList (x: x) 100000) ] ++ f (n - 1); in builtins.deepSeq (f 3000) 1';
  expectKnown('error: out of memory', await failure(runner.evaluateExpression(much, 'much', signal)));
});

test('the runner’s disk is full', async () => {
  const closure = makeClosure({ small: 1, large: 6 });
  const cache = `file://${temporaryFolder('cache')}?compression=none`;
  nix('nix', ['copy', ...features, '--to', cache, closure.path]);
  const root = temporaryFolder('small');
  const mount = `mount -t tmpfs -o size=3m none '${root}' && exec nix "$@"`;
  const unshare = `exec unshare ${isRoot ? '' : '--map-root-user'} --mount sh -c '${mount.replaceAll("'", `'"'"'`)}' sh "$@"`;
  const NIX_CONFIG = `${nixEnvironment().NIX_CONFIG}\nrequire-sigs = false`;
  const { runner } = runnerNix({ ...nixBehind(unshare), NIX_CONFIG }, root);
  expectKnown('No space left on device', await failure(runner.fetch([closure.path], cache, signal)));
});

// whoever is not root has no files of another user's to meet
describe.runIf(isRoot)('as root without the right to read all', () => {
  test('the store of the runner belongs to somebody else', async () => {
    const root = temporaryFolder('theirs');
    chownSync(root, 65534, 65534);
    chmodSync(root, 0o755);
    const lost = ['dac_override', 'dac_read_search', 'chown', 'fowner'].map((name) => `-${name}`).join(',');
    const shell = `exec setpriv --bounding-set=${lost} --inh-caps=${lost} nix "$@"`;
    const { runner } = runnerNix(nixBehind(shell), root);
    expectKnown(
      "creating directory '…/nix/store': Permission denied",
      await failure(runner.storeInfo(signal)),
    );
  });
});
