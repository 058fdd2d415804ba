import { GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { parseFields } from '../plan/facts';
import { type HostKey, parsePublicKeys } from '../ssh/host-keys';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/**
 * Makes the new system's host keys before it boots, so that it can be recognised when it does.
 *
 * @returns those that are known
 * @throws GuardError where none is, and the proof that was asked for needs one
 */
export async function prepareHostKeys(context: PhaseContext): Promise<HostKey[]> {
  const { evaluation, settings, target, runtime } = context;
  const configured = evaluation.hostKeys.flatMap(({ type, path, bits }) => [type, path, bits]);
  const copy = settings.copyHostKeys.value ? 'yes' : 'no';
  const { stdout } = await target.run(scripts.hostKeys, [copy, ...configured], {
    privileged: true,
    onErrorLine: (line) => runtime.log.foreign('ssh-keygen', line),
  });
  const unknown = parseFields(stdout).flatMap(([name, value]) => (name === 'unknown' ? [value] : []));
  for (const key of unknown)
    runtime.log.warning(`A host key of the new system is not known before it boots: ${key}`);
  const keys = parsePublicKeys(stdout);
  if (keys.length === 0 && unknown.length > 0) checkNotNeeded(settings);
  return keys;
}

/** Better now than after the reboot, when nothing can be done about it. */
function checkNotNeeded({ verify, postInstall }: MachineSettings): void {
  const isNeeded = verify.value === 'system' || verify.value === 'host-key';
  if (!isNeeded || postInstall.knownHosts.value !== undefined) return;
  throw new GuardError(
    `verify: ${verify.value} is not possible: no host key of the new system is known before it boots`,
    { hint: 'give its keys as post-install-known-hosts, or set verify: auto or off' },
  );
}
