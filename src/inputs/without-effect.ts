import type { InputReader } from './input-reader';
import { inputOfBuildOn, isOn } from './read-deprecated';
import type { BuildChoices, MachineSettings, SelectablePhase } from './settings';
import type { InputName } from './table';

/** What says something to one phase only. What such a phase would send is refused instead, where it is read. */
const ofOnePhase = {
  kexec: ['kexec', 'kexec-sha256', 'kexec-extra-flags'],
  disko: ['disko-mode', 'no-disko-deps'],
  install: ['install-bootloader'],
} as const satisfies Partial<Record<SelectablePhase, readonly InputName[]>>;

/** Inputs that stop nothing and do nothing: several runs may share them, or somebody expects something of them. */
export function noticeWithoutEffect(settings: MachineSettings, reader: InputReader): void {
  const isGiven = (input: InputName) =>
    input === 'no-disko-deps' ? isOn(reader, input) : reader.text(input) !== undefined;
  for (const phase of ['kexec', 'disko', 'install'] as const) {
    if (settings.phases.value.includes(phase)) continue;
    for (const input of ofOnePhase[phase].filter(isGiven))
      reader.notice(input, `has no effect: it is for the ${phase} phase, which is not among phases`);
  }
  const users = [settings.targetHost.value.user, settings.postInstall.user.value ?? 'root'];
  if (isGiven('sudo-password') && users.every((user) => user === 'root'))
    reader.notice('sudo-password', 'has no effect: root logs in, who needs no sudo; leave it out');
}

/** The same of the cache. In a plan they may stay, like all that only an install uses. */
export function noticeIdleCache({ cache, buildOn }: BuildChoices, reader: InputReader): void {
  const idle = (input: InputName, why: string) => {
    if (reader.text(input) !== undefined) reader.notice(input, `has no effect: ${why}; leave it out`);
  };
  if (!cache.enabled.value) {
    for (const input of ['cache-key', 'cache-signing-key'] as const) idle(input, 'cache is false');
  } else if (reader.text('store-paths') !== undefined) {
    idle('cache-signing-key', 'of store-paths nothing is built that could be kept');
  } else if (buildOn.value === 'remote') {
    idle('cache-signing-key', `what ${inputOfBuildOn(reader)} has built on the machine is not kept`);
  }
}
