// Names that nixos-anywhere has given up: they work still, and each use says what to write instead.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import type { HostSettings } from '../../src/inputs/settings';
import { SecretRegistry } from '../../src/secrets';
import { hostSettings } from '../support/settings';
import { makeTestKey } from './support';

const onMachine = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };

function read(raw: RawInputs): {
  settings?: HostSettings;
  notices: string[];
  problems: Record<string, string>;
} {
  const notices: string[] = [];
  try {
    const settings = hostSettings(raw, new SecretRegistry(() => undefined), new Map(), (notice) =>
      notices.push(notice),
    );
    return { settings, notices, problems: {} };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return {
      notices,
      problems: Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem])),
    };
  }
}

describe('stop-after-disko', () => {
  test('means phases: kexec,disko, and says so', () => {
    const { settings, notices } = read({ ...onMachine, 'stop-after-disko': 'true' });
    expect(settings?.phases).toEqual({ value: ['kexec', 'disko'], source: 'input' });
    expect(notices).toEqual(['input stop-after-disko: is deprecated; write phases: kexec,disko instead']);
  });

  test('goes less far than no-reboot, and holds where both are given', () => {
    const { settings, notices } = read({ ...onMachine, 'stop-after-disko': 'true', 'no-reboot': 'yes' });
    expect(settings?.phases.value).toEqual(['kexec', 'disko']);
    expect(notices).toHaveLength(2);
  });

  test('with on-installed: update it is named as what leaves phases out', () => {
    const { problems } = read({ ...onMachine, 'stop-after-disko': 'true', 'on-installed': 'update' });
    expect(problems).toEqual({
      'stop-after-disko': expect.stringMatching(/leaves out install, reboot.*leave stop-after-disko out/),
    });
  });
});

describe('no-reboot', () => {
  test('means phases: kexec,disko,install, and says so', () => {
    const { settings, notices } = read({ ...onMachine, 'no-reboot': 'true' });
    expect(settings?.phases).toEqual({ value: ['kexec', 'disko', 'install'], source: 'input' });
    expect(notices).toEqual(['input no-reboot: is deprecated; write phases: kexec,disko,install instead']);
  });

  test.each(['stop-after-disko', 'no-reboot'])('%s is refused beside phases', (input) => {
    const { problems } = read({ ...onMachine, [input]: 'true', phases: 'kexec' });
    expect(problems).toEqual({ [input]: expect.stringContaining('cannot be combined with phases') });
  });

  test.each(['false', 'no', 'off'])('%s changes nothing, and may stand beside phases', (off) => {
    const { settings, notices } = read({ ...onMachine, 'no-reboot': off, phases: 'disko' });
    expect(settings?.phases.value).toEqual(['disko']);
    expect(notices).toEqual(['input no-reboot: is deprecated; leave it out']);
  });
});

describe('build-on-remote', () => {
  test('means build-on: remote, and says so', () => {
    const { settings, notices } = read({ ...onMachine, 'build-on-remote': 'true' });
    expect(settings?.buildOn).toEqual({ value: 'remote', source: 'input' });
    expect(notices).toEqual(['input build-on-remote: is deprecated; write build-on: remote instead']);
  });

  test.each(['local', 'auto'])('contradicts build-on: %s', (buildOn) => {
    const { problems } = read({ ...onMachine, 'build-on-remote': 'true', 'build-on': buildOn });
    expect(problems).toEqual({
      'build-on-remote': expect.stringContaining(`contradicts build-on: ${buildOn}`),
    });
  });

  test('is named where nothing can be built on the machine', () => {
    const { problems } = read({ flake: '.#demo', 'build-only': 'true', 'build-on-remote': 'true' });
    expect(problems).toEqual({
      'build-on-remote': expect.stringContaining('cannot be remote with build-only'),
    });
  });

  test.each([
    { 'build-on-remote': 'true', 'build-on': 'remote' },
    { 'build-on-remote': 'false', 'build-on': 'local' },
  ])('beside what agrees with it is fine: %j', (inputs) => {
    const { settings } = read({ ...onMachine, ...inputs });
    expect(settings?.buildOn.value).toBe(inputs['build-on']);
  });
});

describe('tty', () => {
  test('is accepted, and means nothing', () => {
    const { settings, notices } = read({ ...onMachine, tty: 'true' });
    expect(settings?.phases.source).toBe('default');
    expect(notices).toEqual([expect.stringContaining('input tty: is deprecated, and means nothing here')]);
  });
});

test.each([
  ['install', onMachine],
  ['plan', { ...onMachine, plan: 'true' }],
  ['offline-plan', { flake: '.#demo', plan: 'offline' }],
  ['build-only', { flake: '.#demo', 'build-only': 'true' }],
  ['a run with wrong inputs', { ...onMachine, 'ssh-port': 'x' }],
])('%s: warns of the deprecated names', (_, raw) => {
  const { notices } = read({ ...raw, tty: 'true', 'no-reboot': 'true' });
  expect(notices).toHaveLength(2);
});

test('without deprecated names there is no warning', () => {
  expect(read(onMachine).notices).toEqual([]);
});
