import type { InputDefinition } from './definition';

const defaultKexec = 'the nixos-images installer for the target’s architecture';

export const kexecInputs = [
  {
    name: 'kexec',
    description:
      'Kexec image: a path on the runner or a URL. A tarball, plain or compressed with gzip, xz or zstd, whatever its name.',
    otherwise: defaultKexec,
  },
  {
    name: 'kexec-sha256',
    description: 'SHA-256 that the kexec image must have, in hex, of the file as it is fetched.',
    otherwise: 'any image is taken, and its SHA-256 is printed',
  },
  {
    name: 'kexec-extra-flags',
    description: 'Further options for the kexec program, as in `--no-sync`.',
  },
  {
    name: 'force-kexec',
    description: 'Starts the kexec image also where the machine runs a NixOS installer already.',
    default: 'false',
  },
  {
    name: 'post-kexec-ssh-host',
    description:
      'Address at which the installer answers, where that is another than target-host; of the installed system too, if post-install-ssh-host is not given.',
    otherwise: 'that of target-host',
  },
  {
    name: 'post-kexec-ssh-user',
    description:
      'Who logs in to the installer: root, or somebody who becomes root there without a password (sudo, doas). The images of nixos-images let in root only.',
    default: 'root',
  },
  {
    name: 'post-kexec-ssh-port',
    description:
      'Port of the SSH server of the installer, and of the installed system if post-install-ssh-port is not given.',
    default: '22',
  },
] as const satisfies readonly InputDefinition[];
