import type { InputDefinition } from './definition';

/** Old names of nixos-anywhere's that work still; each use is a warning that says what to write instead. */
export const deprecatedInputs = [
  { name: 'stop-after-disko', description: 'Deprecated: write `phases: kexec,disko`.' },
  { name: 'no-reboot', description: 'Deprecated: write `phases: kexec,disko,install`.' },
  { name: 'build-on-remote', description: 'Deprecated: write `build-on: remote`.' },
  { name: 'tty', description: 'Deprecated: leave it out. No terminal is used here, ever.' },
] as const satisfies readonly InputDefinition[];
