// docs/private-caches.md: a binary cache that asks for a password, which is real; and a private repository, of a stand-in for
// GitHub’s API that knows one token, in a network where its names lead here.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { nixEnvironment } from '../../testbed/paths.mts';
import { serveBinaryCache } from '../support/binary-cache';
import { configuration, runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { expectNoLeak } from '../support/leak';
import { startMachine } from '../support/machine';
import { startNetwork } from '../support/network';
import { makeFiles } from '../support/nixpkgs';
import { temporaryFolder } from '../support/runtime';
import { filled, shownStep, stepsOf } from '../support/shown-steps';
import { features, nix } from '../support/store';

const page = 'docs/private-caches.md';

test('a cache with a password, for the runner and for the machine; without it all is built and sent', async () => {
  const heading = 'A binary cache that asks for a password';
  const password = 'correct-horse-battery';
  const secret = `machine 127.0.0.1 login me password ${password}`;
  const { flake, cache } = await flakeInCache(heading, `me:${password}`);
  const sshd = await startMachine({ installer: true });
  const here = onMachine(sshd, {
    expressions: { 'secrets.NETRC': secret },
    instead: { flake: `${flake}#demo` },
    besides: { phases: 'disko', cache: 'false' },
  });
  const { inputs } = shownStep(page, heading, here);
  const temp = temporaryFolder('temp');
  const { script, config } = beforeOurs(heading, temp);
  execFileSync('sh', ['-ec', script], { env: { ...process.env, RUNNER_TEMP: temp, NETRC: secret } });
  const told = config
    .replaceAll('https://cache.example.org', cache.url)
    .replaceAll('cache.example.org-1:AAAA', cache.publicKey);
  const settings = (lines: string) => ({ NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\n${lines}` });
  const run = await runBundle({ inputs, env: settings(told) });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/private-caches.md', 'A binary cache that asks for a password');
  // by the runner, and by the machine
  expect(cache.answered.filter((url) => url.startsWith('/nar/'))).toHaveLength(2);
  expectNoLeak(run, [password]);
  await sshd.restart();
  const without = await runBundle({
    inputs: { ...inputs, netrc: '' },
    env: settings(told.replace(/^ *netrc-file.*$/m, '')),
  });
  expect(without.code, without.log).toBe(0);
  expectTroubles([without.log], page, heading);
});

/** A flake whose disko script is in a cache, which the configuration names as the page has it. */
async function flakeInCache(heading: string, credentials: string) {
  const flake = installableFlake('[ ! -e /run/nixos-anywhere/netrc ]; mount -t tmpfs none /mnt');
  const script = `path:${flake}#nixosConfigurations.demo.config.system.build.diskoScript`;
  const path = nix('nix', ['build', ...features, '--no-link', '--print-out-paths', script]);
  atEnd(() => void nix('nix-store', ['--delete', '--ignore-liveness', path]));
  const cache = await serveBinaryCache(path, credentials);
  const shown = blockOf(page, heading, 'nix')
    .replaceAll('https://cache.example.org', cache.url)
    .replaceAll('cache.example.org-1:AAAA', cache.publicKey);
  const file = join(flake, 'flake.nix');
  const named = readFileSync(file, 'utf8').replace(
    'nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };',
    shown.replace(/^\{|\}\s*$/g, ''),
  );
  writeFileSync(file, named);
  return { flake, cache };
}

/** What the steps before ours do: the script of the first, and what the one that installs Nix tells it. */
function beforeOurs(heading: string, temp: string): { script: string; config: string } {
  const [first, second] = stepsOf(page, heading);
  const { extra_nix_config: config = '' } = filled(second?.with, { 'runner.temp': temp });
  return { script: first?.run ?? '', config };
}

const token = 'github_pat_throwaway_0123456789';

test('an input in a private repository: by a token for this step; without it GitHub says that it is not there', async () => {
  const heading = 'A private flake input';
  const { network, certificate } = await networkWithGithub();
  const sshd = await startMachine({ within: network });
  const flake = makeFiles({
    'flake.nix': `{ inputs.private.url = "github:our-company/private"; outputs = { private, ... }: {
      nixosConfigurations.demo = ${configuration.replace('hostName = "demo"', 'hostName = private.name')}; }; }`,
  });
  const here = onMachine(sshd, {
    expressions: { 'secrets.FLAKE_TOKEN': token },
    instead: { flake: `${flake}#demo` },
  });
  const step = shownStep(page, heading, here);
  const run = (config: string, more: Record<string, string> = {}) =>
    runBundle({
      inputs: { ...step.inputs, ...more },
      env: { NIX_CONFIG: `${nixEnvironment().NIX_CONFIG}\n${config}`, NIX_SSL_CERT_FILE: certificate },
      launcher: network,
    });
  const done = await run(step.env.NIX_CONFIG ?? '');
  expect(done.code, done.log).toBe(0);
  expect(done.result.plan?.offline.hostName).toBe('of-private');
  expectShown(done.log, 'docs/private-caches.md', 'A private flake input');
  expectNoLeak(done, [token]);
  const refused = await run('');
  const netrc = `machine github.com password ${token}`;
  const withheld = await run(step.env.NIX_CONFIG ?? '', { netrc });
  expectTroubles([refused.log, withheld.log], page, heading);
});

/** A network in which GitHub’s names lead to a server that knows one repository and one token. */
async function networkWithGithub() {
  const folder = makeFiles({
    hosts: '127.0.0.1 localhost github.com api.github.com codeload.github.com\n',
    'private-1/flake.nix': '{ outputs = _: { name = "of-private"; }; }\n',
    'server.cjs': `const { readFileSync } = require('fs');
      require('https').createServer({ key: readFileSync(__dirname + '/key.pem'), cert: readFileSync(__dirname + '/cert.pem') }, (request, response) => {
        const isKnown = (request.headers.authorization ?? '').endsWith(' ${token}');
        if (!isKnown || !request.url.startsWith('/repos/our-company/private/')) return response.writeHead(404).end('{}');
        if (request.url.includes('/tarball/')) return response.end(readFileSync(__dirname + '/private.tar.gz'));
        response.end(JSON.stringify({ sha: '${'1'.repeat(40)}', commit: { tree: { sha: '${'2'.repeat(40)}' } } }));
      }).listen(443, '127.0.0.1', () => console.log('listening'));`,
  });
  const inFolder = { cwd: folder, stdio: 'pipe' as const };
  const names = 'subjectAltName=DNS:github.com,DNS:api.github.com';
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=github.com',
  ];
  execFileSync('openssl', [...request, '-addext', names, '-keyout', 'key.pem', '-out', 'cert.pem'], inFolder);
  execFileSync('tar', ['-czf', 'private.tar.gz', 'private-1'], inFolder);
  const setup = `ip link add lan type veth peer name other; ip link set lan up; ip link set other up
    ip addr add 192.0.2.2/24 dev lan; mount --bind ${join(folder, 'hosts')} /etc/hosts`;
  const network = await startNetwork(setup);
  const [command, ...args] = [...network, process.execPath, join(folder, 'server.cjs')];
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => void server.kill());
  await new Promise<void>((resolve) => server.stdout.once('data', () => resolve()));
  return { network, certificate: join(folder, 'cert.pem') };
}
