// What is said of the machine that is there.
import { describe, expect, test } from 'vitest';
import { describeMachine } from '../../src/report/describe-machine';
import { resultWith } from './whole-result';

describe('describeMachine', () => {
  const { plan } = resultWith('word');
  if (plan === null || plan.online === null) throw new Error('this result has a plan of a machine');
  const { online } = plan;

  test('says what runs there, and where', () => {
    const observed = { ...online.observed, distribution: 'Debian', kernel: '6.1', memoryKiB: 2048 };
    const machine = { ...online, observed, runsNixos: false, machineId: '', architecture: 'x86_64' };
    expect(describeMachine(machine)).toEqual([
      ['runs', 'Debian, Linux 6.1, x86_64, 2 MiB of memory, UEFI'],
      ['addresses', 'word'],
      ['host keys', 'word'],
    ]);
  });

  test.each([
    ['', '/nix/store/s, no install-id recorded'],
    ['a', '/nix/store/s, installed as a'],
  ])('names the NixOS that runs there: %j', (installId, words) => {
    const machine = { ...online, runsNixos: true, currentSystem: '/nix/store/s', installId };
    expect(describeMachine(machine)).toContainEqual(['system', words]);
  });
});
