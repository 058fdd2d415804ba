import { checkTogether } from './cross-checks';
import { keyFiles } from './disk-encryption-keys';
import { hooks } from './hooks';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { readAddress } from './read-address';
import { readCopy } from './read-copy';
import { readKexec } from './read-kexec';
import { readKey } from './read-key';
import { knownHosts } from './read-known-hosts';
import { readLogin } from './read-login';
import { readNewSystem } from './read-new-system';
import {
  type BuildSettings,
  type DiskEncryptionKey,
  type MachineSettings,
  onInstalledChoices,
  type PostInstallSettings,
  type Setting,
  verifyChoices,
} from './settings';
import { noticeWithoutEffect } from './without-effect';

/** What a run that contacts a machine is told. */
export function readMachineSettings(
  reader: InputReader,
  kind: 'plan' | 'install',
  build: BuildSettings,
): MachineSettings {
  const settings: MachineSettings = {
    ...build,
    ...readAddress(reader),
    postKexecSshPort: reader.optional('post-kexec-ssh-port', parse.port, 22),
    postKexecSshHost: reader.optional<string | undefined>('post-kexec-ssh-host', parse.hostName, undefined),
    postKexecSshUser: reader.optional('post-kexec-ssh-user', parse.userName, 'root'),
    login: readLogin(reader, kind),
    diskEncryptionKeys: readDiskKeys(reader, build),
    kexec: readKexec(reader),
    copy: readCopy(reader),
    onInstalled: reader.optional('on-installed', parse.choice(onInstalledChoices), 'fail'),
    wipeDisks: reader.optional('wipe-disks', parse.wipeDisks, undefined),
    expectMachine: reader.optional('expect-machine', parse.machineId, undefined),
    allowLockout: reader.optional('allow-lockout', parse.boolean, false),
    copyHostKeys: reader.optional('copy-host-keys', parse.boolean, false),
    newSystem: readNewSystem(reader, build),
    hooks: reader.optional('hooks', hooks, []),
    verify: reader.optional('verify', parse.choice(verifyChoices), 'auto'),
    postInstall: readPostInstall(reader),
    approvedPlan: reader.optional('approved-plan', parse.planDigest, undefined),
  };
  checkTogether(settings, reader);
  noticeWithoutEffect(settings, reader);
  return settings;
}

function readPostInstall(reader: InputReader): PostInstallSettings {
  const key = readKey(reader, 'post-install-ssh-private-key');
  return {
    host: reader.optional<string | undefined>('post-install-ssh-host', parse.hostName, undefined),
    port: reader.optional<number | undefined>('post-install-ssh-port', parse.port, undefined),
    user: reader.optional<string | undefined>('post-install-ssh-user', parse.userName, undefined),
    privateKey: key === undefined ? undefined : reader.secrets.register(key.privateKey),
    publicKey: key?.publicKey,
    knownHosts: reader.optional('post-install-known-hosts', knownHosts, undefined),
  };
}

function readDiskKeys(reader: InputReader, { phases }: BuildSettings): Setting<readonly DiskEncryptionKey[]> {
  const input = 'disk-encryption-keys';
  const files = reader.optional(input, keyFiles, []);
  if (files.value.length > 0 && !phases.value.includes('disko'))
    reader.problem(input, 'is for the disko phase, which is not among phases; leave it out');
  const keys = files.value.flatMap(({ remotePath, source }) => {
    const contents = reader.contentsOf(input, source, `${remotePath}: `);
    return contents === undefined ? [] : [{ remotePath, contents: reader.secrets.register(contents) }];
  });
  return { ...files, value: keys };
}
