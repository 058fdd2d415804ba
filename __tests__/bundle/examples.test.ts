// The flake of examples/ with a fleet, as it is, with stand-ins for nixpkgs and disko.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Matrix } from '../../src/inputs/matrix';
import { runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { commitExample, copyExample } from '../support/examples';
import { makeFiles } from '../support/nixpkgs';

const example = fileURLToPath(new URL('../../examples/fleet', import.meta.url));

function checkout(): string {
  const folder = copyExample('fleet');
  commitExample(folder);
  return folder;
}

test('its hosts are listed, with the data that they have', async () => {
  const run = await runBundle({ inputs: { flake: checkout(), 'list-hosts': 'true' } });
  expect(run.code, run.log).toBe(0);
  const { include } = JSON.parse(run.outputs.matrix ?? '') as Matrix;
  expect(include).toMatchObject([
    { host: 'db-1', environment: 'databases', secrets: { SSH_PRIVATE_KEY: 'DB_SSH_KEY' } },
    { host: 'web-1', environment: 'web', tags: ['web', 'canary'], secrets: {} },
    { host: 'web-2', environment: 'web', tags: ['web'] },
  ]);
});

test('each can be tested in a virtual machine, and it is said what the test leaves out', async () => {
  const folder = checkout();
  const vmTest = (host: string) => runBundle({ inputs: { flake: `${folder}#${host}`, 'vm-test': 'true' } });
  const listed = await runBundle({
    inputs: { flake: folder, 'list-hosts': 'true' },
  });
  const { include } = JSON.parse(listed.outputs.matrix ?? '') as Matrix;
  expect(include.map(({ host }) => host)).toEqual(['db-1', 'web-1', 'web-2']);
  for (const { host } of include) {
    const run = await vmTest(host);
    expect(run.outputs.outcome, run.log).toBe('tested');
    expect(run.warnings).toEqual(
      host === 'db-1'
        ? [
            'input secret-files (nixosAnywhere.db-1 of the flake): is not part of the test, which installs without it',
          ]
        : [],
    );
  }
});

test('each of its hosts can be planned without a machine', async () => {
  const folder = checkout();
  for (const host of ['db-1', 'web-1', 'web-2']) {
    const run = await runBundle({ inputs: { flake: `${folder}#${host}`, plan: 'offline' } });
    expect(run.code, run.log).toBe(0);
    expect(run.result).toMatchObject({ host, plan: { offline: { installId: '1' } } });
  }
});

test('docs/fleets.md shows host data that is taken', async () => {
  const page = readFileSync(new URL('../../docs/fleets.md', import.meta.url), 'utf8');
  const [, shown = ''] = /```nix\n(.*?)```/s.exec(page) ?? [];
  const [key = ''] = /AAAAC3\w[^"]*/.exec(readFileSync(join(example, 'fleet.nix'), 'utf8')) ?? [];
  const flake = makeFiles({ 'flake.nix': `{ outputs = _: { ${shown.replace('AAAA…', key)} }; }` });
  const run = await runBundle({ inputs: { flake, 'list-hosts': 'true' } });
  expect(run.code, run.log).toBe(0);
  expect((JSON.parse(run.outputs.matrix ?? '') as Matrix).include).toMatchObject([
    { host: 'web-1', tags: ['web', 'canary'], secrets: { FLEET_SECRET_DISK_KEY: 'WEB_1_DISK_KEY' } },
  ]);
});
