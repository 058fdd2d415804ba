import type { Plan } from '../../plan/plan';
import { quote } from '../../ssh/quote';
import { block, code, folded } from '../markdown';
import { hasNewKeys } from '../new-keys';
import type { Result } from '../result';

/** What somebody has to do, or may want to, now that the run is over; nothing where there is nothing of the kind. */
export function nextSection(result: Result): string[] {
  const { plan } = result;
  if (plan === null || plan.online === null) return [];
  const parts = partsOf(result, plan);
  return parts.length === 0 ? [] : ['### What to do next', ...parts];
}

function partsOf(result: Result, plan: Plan): string[] {
  const isNew = hasNewKeys(result.hostKeys, plan.online.hostKeys);
  switch (result.outcome) {
    case 'planned':
      return toCarryOut(result, plan);
    case 'prepared':
      return [prepared(result), ...hardware(result), ...kexecPin(result)];
    case 'installed':
      return [
        ...(isNew ? newKeys(result) : sameKeys(result)),
        ...(isNew ? ageRecipients(result) : []),
        ...hardware(result),
        ...updates(result, plan),
        ...kexecPin(result),
      ];
    default:
      return isNew ? newKeys(result) : [];
  }
}

function toCarryOut({ planDigest }: Result, { action, offline, phases, mayWipe }: Plan): string[] {
  if (action === 'nothing' || planDigest === null) return [];
  if (offline.provisional && phases.includes('disko') && (mayWipe === null || mayWipe === 'any'))
    return [
      `This plan names no disks, so it cannot be approved: say which may be wiped (${code('wipe-disks')}), and plan again.`,
    ];
  return [
    `To have this done and nothing else, run the action without ${code('plan')} and with this input, or approve the job of the workflow that does so:`,
    block([`approved-plan: ${planDigest}`]),
  ];
}

function prepared({ targetState }: Result): string {
  const disks = targetState === 'partitioned' ? ', with its disks partitioned and mounted' : '';
  return `The phases that were asked for are done. Until it is rebooted the machine runs the installer in its memory${disks}, and the next run takes it over from there.`;
}

function nameIn(line: string): string {
  return /^\S*/.exec(line)?.[0] ?? '';
}

function newKeys({ hostKeys }: Result): string[] {
  const name = nameIn(hostKeys[0] ?? '');
  return [
    `**Host keys:** the machine has new ones. Put these lines into the variable or file that ${code('known-hosts')} is read from (${code('KNOWN_HOSTS')} in the examples), in place of those that begin with ${code(name)}. With the old ones the next run, and ${code('ssh')}, refuse to connect.`,
    block(hostKeys),
    `Your own computer forgets the old ones by ${code(`ssh-keygen -R ${quote(name)}`)}`,
  ];
}

function sameKeys({ hostKeys }: Result): string[] {
  if (hostKeys.length === 0) return [];
  return [
    `**Host keys:** the machine has kept those that it had: in ${code('known-hosts')} there is nothing to replace.`,
    ...folded('As known_hosts lines', [block(hostKeys)]),
  ];
}

function ageRecipients({ agePublicKeys }: Result): string[] {
  if (agePublicKeys.length === 0) return [];
  return [
    '**Secrets of sops-nix:** the host key as age recipient. What is to be decrypted on this machine has to be encrypted for it; agenix takes the key itself, as it stands in the line for known_hosts.',
    block(agePublicKeys),
  ];
}

function hardware({ hardwareConfig }: Result): string[] {
  if (hardwareConfig === null) return [];
  return [
    `**Hardware configuration:** the machine has described itself in ${code(hardwareConfig)}, on the runner. Commit it: the next run builds with what is in Git.`,
  ];
}

/** An update wipes nothing. */
function updates(result: Result, plan: Plan): string[] {
  const { installId } = plan.offline;
  const input = code('on-installed: update');
  const often =
    installId === null
      ? `For a workflow that runs again and again, give an ${code('install-id')} with it once; from then on ${code('on-installed: converge')} updates, too.`
      : `So does ${code('on-installed: converge')}, as long as ${code('install-id')} is ${code(installId)}; another id has the machine installed anew.`;
  const rebuild = rebuildCommand(result, plan);
  return [
    `**Updates:** the same workflow with ${input} copies what has changed and switches to it; nothing is wiped. ${often}`,
    ...(rebuild === undefined ? [] : ['Or by hand, in a checkout of the flake:', block([rebuild])]),
  ];
}

/**
 * Undefined without a flake, behind jump hosts, which ssh would have to be told of, and for an IPv6 address, which ssh wants
 * without brackets and Nix with them.
 */
function rebuildCommand({ hostKeys, target }: Result, { offline, online, terms }: Plan): string | undefined {
  const [, uri, name] = /^(.*)#nixosConfigurations\."(.*)"$/s.exec(offline.configuration) ?? [];
  const [, bracketed, port, bare] = /^(?:\[(.*)\]:(\d+)|(.+))$/.exec(nameIn(hostKeys[0] ?? '')) ?? [];
  const host = bracketed ?? bare;
  if (
    uri === undefined ||
    name === undefined ||
    host === undefined ||
    host.includes(':') ||
    online.target !== target
  )
    return undefined;
  const user = terms.afterwards.user ?? 'root';
  return [
    ...(port === undefined ? [] : [`NIX_SSHOPTS=${quote(`-p ${port}`)}`]),
    'nixos-rebuild switch',
    `--flake ${quote(`${uri}#${name}`)}`,
    `--target-host ${quote(`${user}@${host}`)}`,
    ...(user === 'root' ? [] : ['--sudo']),
  ].join(' ');
}

function kexecPin({ kexecSha256 }: Result): string[] {
  if (kexecSha256 === null) return [];
  return [
    `**Installer image:** to accept no other one next time, set ${code(`kexec-sha256: ${kexecSha256}`)}`,
  ];
}
