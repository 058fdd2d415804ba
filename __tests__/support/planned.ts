// Plans of a machine with two disks, made as a run makes them; what differs from test to test is said.
import type { MachineSettings } from '../../src/inputs/settings';
import { checkPlan } from '../../src/plan/checks';
import { parseInventory } from '../../src/plan/disks/inventory';
import { diskPaths } from '../../src/plan/disks/paths';
import type { ConfigurationEvaluation } from '../../src/plan/evaluation';
import type { CarriedAccess, Facts } from '../../src/plan/facts';
import { makePlan, type Plan } from '../../src/plan/plan';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { Target } from '../../src/ssh/target';
import { fs, type MachineText, machineText } from '../unit/disks/inventories';
import { fakeRuntime, makeTestKey } from '../unit/support';
import { configured as demo } from './evaluation';
import { machineSettings } from './settings';
import { debian } from './situation';

export const bothDisks: MachineText = {
  devices: [
    { name: 'sda', kib: 976_562_500, props: { model: 'Big', serial: 'A' } },
    {
      name: 'sdb',
      kib: 1_953_125_000,
      props: { serial: 'B' },
      partitions: [{ name: 'sdb1', kib: 500_000, props: fs('ext4', 'data') }],
    },
  ],
  links: { '/dev/disk/by-id/a': 'sda' },
  more: ['mount\t25 1 253:2 / /srv rw - ext4 /dev/sdb1 rw'],
};

/** What these runs log in with. */
export const key = makeTestKey();
export function settingsWith(inputs: Record<string, string> = {}): MachineSettings {
  const raw = { flake: '.#demo', 'target-host': 'me@example.org', 'ssh-private-key': key, ...inputs };
  return machineSettings(raw);
}

export interface Change {
  inputs?: Record<string, string>;
  facts?: Facts;
  evaluation?: Partial<ConfigurationEvaluation>;
  machine?: MachineText;
  access?: Partial<CarriedAccess>;
}

/** A plan that was checked, as a run does it before it goes on. */
export function planFor({
  inputs,
  facts = debian,
  evaluation,
  machine = bothDisks,
  access,
}: Change = {}): Plan {
  const settings = settingsWith(inputs);
  const paths = diskPaths(settings, { ...demo, ...evaluation });
  const leadsTo = { '/dev/sda': 'sda', '/dev/sdb': 'sdb', '/dev/sdb1': 'sdb1', ...machine.links };
  const endpoint = { host: 'example.org', port: 22, user: 'me' };
  const options = {
    endpoint,
    login: { privateKey: key },
    trust: HostKeyTrust.firstSeen(),
    connectMs: 1,
    idleMs: 1,
  };
  const situation = {
    settings,
    evaluation: { ...demo, ...evaluation },
    runnerSystems: ['x86_64-linux'],
    hardwareFile: undefined,
    facts,
    access: { keyIsCarried: true, hostKeys: [], ...access },
    inventory: parseInventory(machineText({ ...machine, paths, leadsTo }), paths),
    target: new Target(options, fakeRuntime()),
    extraFiles: undefined,
  };
  const made = makePlan(situation);
  checkPlan(situation, made);
  return made;
}
