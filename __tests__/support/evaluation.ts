// What an evaluation tells of a plain configuration, for tests that change one thing about it.
import type { ConfigurationEvaluation } from '../../src/plan/evaluation';

export const configured: ConfigurationEvaluation = {
  source: 'configuration',
  system: 'x86_64-linux',
  buildSystem: 'x86_64-linux',
  hostName: 'demo',
  toplevel: { drvPath: '/nix/store/t.drv', outPath: '/nix/store/t' },
  diskoScript: { drvPath: '/nix/store/d.drv', outPath: '/nix/store/d' },
  installTest: undefined,
  disks: [{ device: '/dev/disk/by-id/a', destroy: true }],
  substituters: [],
  trustedPublicKeys: [],
  groups: [],
  hostKeys: [{ type: 'ed25519', path: '/etc/ssh/ssh_host_ed25519_key', bits: '' }],
  sshd: { enabled: true, ports: [22], rootLogin: 'prohibit-password', otherKeys: false },
  logins: [{ name: 'root', keys: ['ssh-ed25519 AAAA me'], password: false }],
  bootLoader: {
    kind: 'systemd-boot',
    grubDevices: [],
    grubEfi: false,
    efiMountPoint: '/boot',
    entriesMountPoint: '/boot',
    grubBoots: [{ path: '/boot', efiMountPoint: '/boot' }],
  },
  initrdSsh: { enabled: false, port: 22, hostKeys: [] },
};
