// Machines and a configuration from which plans are made.
import type { FlakeEvaluation } from '../../src/plan/evaluation';
import type { Facts } from '../../src/plan/facts';

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
export const demo: FlakeEvaluation = {
  source: 'flake',
  system: 'x86_64-linux',
  hostName: 'demo',
  toplevel: { drvPath: '/nix/store/t.drv', outPath: '/nix/store/t' },
  diskoScript: { drvPath: '/nix/store/d.drv', outPath: '/nix/store/d' },
  disks: [{ device: '/dev/disk/by-id/a', destroy: true }],
  substituters: [],
  trustedPublicKeys: [],
  hostKeys: [{ type: 'ed25519', path: '/etc/ssh/ssh_host_ed25519_key', bits: '' }],
  sshd: { enabled: true, ports: [22], rootLogin: 'prohibit-password', otherKeys: false },
  logins: [{ name: 'root', keys: ['ssh-ed25519 AAAA me'], password: false }],
  bootLoader: {
    kind: 'systemd-boot',
    grubDevices: [],
    grubEfi: false,
    efiMountPoint: '/boot',
    entriesMountPoint: '/boot',
    grubPaths: ['/boot'],
  },
  initrdSsh: { enabled: false, port: 22, hostKeys: [] },
};
