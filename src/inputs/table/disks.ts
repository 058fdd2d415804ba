import type { InputDefinition } from './definition';

export const disksInputs = [
  {
    name: 'disko-mode',
    description:
      'What disko does: `disko` (wipes, formats and mounts), `format` (adds what is missing and mounts), `mount` (only mounts).',
    default: 'disko',
  },
  {
    name: 'no-disko-deps',
    description:
      'Takes the disko script that brings no tools along and uses those of the installer: for machines with little memory.',
    default: 'false',
  },
  {
    name: 'wipe-disks',
    description:
      'Disks that may be wiped, one a line: path, /dev/disk/by-id name, serial number or WWN; `any` allows all. Whatever else would be lost stops the run.',
    otherwise: 'the disks that the configuration names, and nothing that hangs together with them',
  },
  {
    name: 'disk-encryption-keys',
    description:
      'Key files that disko needs, one `REMOTE_PATH SOURCE` a line: a path in the installer, and a file on the runner, `env:NAME` or `exec:COMMAND`. Sent byte for byte before disko, removed before the reboot.',
  },
] as const satisfies readonly InputDefinition[];
