import { expect, test } from 'vitest';
import type { Action } from '../../src/plan/decide';
import type { PhaseName } from '../../src/plan/plan';
import { toolsWarnings, updateWarnings } from '../../src/plan/warnings';
import { machineSettings } from '../support/settings';
import { debian } from '../support/situation';
import { makeTestKey } from './support';

const key = makeTestKey();
const small = 1400 * 1024 - 1;

function warnings(inputs: Record<string, string>, memoryKiB: number, phases: readonly PhaseName[]) {
  const required = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': key };
  return toolsWarnings(machineSettings({ ...required, ...inputs }), { ...debian, memoryKiB }, { phases });
}

test('with little memory the disko script’s tools are a matter, of an installer that runs already too', () => {
  for (const phases of [['kexec', 'disko'], ['disko']] as const)
    expect(warnings({}, small, phases)).toEqual([
      expect.stringMatching(/into the 1399 MiB of memory that the installer has\. With no-disko-deps: true/),
    ]);
});

test.each<[string, Record<string, string>, number, PhaseName[]]>([
  ['there is enough', {}, small + 1, ['disko']],
  ['they are left out already', { 'no-disko-deps': 'true' }, small, ['disko']],
  ['disko does not run', { phases: 'install,reboot' }, small, ['install']],
])('nothing is said where %s', (_, inputs, memoryKiB, phases) => {
  expect(warnings(inputs, memoryKiB, phases)).toEqual([]);
});

test('an update says which inputs are for an install', () => {
  const required = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': key };
  const warningsWith = (inputs: Record<string, string>, action: Action) =>
    updateWarnings(machineSettings({ ...required, ...inputs }), { action });
  const given = { 'extra-files': 'src/report', chown: '/srv 0:0' };
  expect(warningsWith(given, 'update')).toEqual([
    expect.stringMatching(/^An update brings the system alone: what extra-files, chown would put/),
  ]);
  expect(warningsWith(given, 'install')).toEqual([]);
  expect(warningsWith(given, 'nothing')).toEqual([]);
  expect(warningsWith({}, 'update')).toEqual([]);
});
