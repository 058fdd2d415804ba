// Machines for which plans are made.
import type { Facts } from '../../src/plan/facts';
import type { Plan } from '../../src/plan/plan';

/** What a plan says where nothing is put on the disks but the system. */
export const systemAlone: Pick<Plan, 'newSystem' | 'hooks' | 'terms'> = {
  newSystem: {
    diskKeys: [],
    extraFiles: null,
    secretFiles: [],
    chown: [],
    copyHostKeys: false,
    installBootloader: true,
    noCheck: null,
  },
  hooks: [],
  terms: {
    installer: { host: null, port: 22, user: 'root', hostKeys: [] },
    afterwards: { host: null, port: null, user: null, hostKeys: [] },
    verify: 'auto',
    allowLockout: false,
  },
};
/** A plan that nobody looks at. */
export const somePlan: Plan = {
  action: 'install',
  reason: 'a test',
  phases: [],
  authorizeKey: false,
  kexec: null,
  mayWipe: null,
  ...systemAlone,
  offline: {
    configuration: '',
    system: '',
    hostName: '',
    toplevel: '',
    diskoScript: null,
    vmTest: null,
    diskoMode: 'disko',
    disks: [],
    installId: null,
    buildOn: 'local',
    hardwareConfig: null,
    provisional: false,
  },
  online: {
    target: '',
    hostKeys: [],
    machineId: '',
    architecture: '',
    runsNixos: false,
    isInstaller: false,
    currentSystem: '',
    installId: '',
    disksKnown: false,
    disks: [],
    bindings: [],
    observed: { distribution: '', kernel: '', memoryKiB: 0, uefi: true, addresses: [], uses: {} },
  },
};

export const debian: Facts = {
  os: 'Linux',
  architecture: 'x86_64',
  kernel: '6.1.0',
  distribution: 'Debian GNU/Linux 12',
  isNixos: false,
  isInstaller: false,
  container: 'none',
  isRoot: true,
  privilege: 'none',
  sudoInstalled: false,
  missingTools: [],
  memoryKiB: 4_000_000,
  bootId: '0b5c2d6e-9b1f-4c1e-8a55-0f5d6f3c1a77',
  uefi: true,
  kexecDisabled: false,
  lockdown: 'none',
  machineId: '0123456789abcdef0123456789abcdef',
  installId: '',
  addresses: ['203.0.113.7/24'],
  ipv6Only: false,
  wirelessOnly: false,
  systemPath: '',
  profilePath: '',
  earlierRun: false,
};
export const nixos: Facts = {
  ...debian,
  isNixos: true,
  distribution: 'NixOS',
  systemPath: '/nix/store/old-system',
};
export const installer: Facts = { ...nixos, isInstaller: true };
