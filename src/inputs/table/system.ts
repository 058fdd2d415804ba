import type { InputDefinition } from './definition';

export const systemInputs = [
  {
    name: 'install-id',
    description:
      'Names this installation of the machine; it is recorded there, and on-installed: converge reinstalls only when it has changed.',
  },
  {
    name: 'copy-host-keys',
    description: 'Gives the new system the SSH host keys that the machine has now.',
    default: 'false',
  },
  {
    name: 'extra-files',
    description:
      'Folder on the runner whose contents are copied into the new system, as root’s, with their modes; links are copied as links. What is there already is replaced, but folders keep their modes and owners.',
  },
  {
    name: 'secret-files',
    description:
      'Files of the new system, one `PATH [mode=MODE] [owner=OWNER] SOURCE` a line: a file on the runner, `env:NAME` or `exec:COMMAND`. Sent byte for byte; 0600 and root’s if not said otherwise.',
  },
  {
    name: 'chown',
    description:
      'Owners in the new system, one `PATH OWNER` a line: `UID:GID`, or names that it knows. With all that is below the path; links are not followed.',
  },
  {
    name: 'install-bootloader',
    description:
      'Whether the boot loader is installed. `false` also leaves the boot entries alone; `true` installs it again in an update.',
    otherwise: 'true in an install, false in an update',
  },
  {
    name: 'allow-lockout',
    description: 'Installs a system even where nobody could log in to it over SSH afterwards.',
    default: 'false',
  },
] as const satisfies readonly InputDefinition[];
