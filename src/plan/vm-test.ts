import { GuardError } from '../errors';
import type { Requirements } from '../nix/derivation';

/** What is known of the one who would run the test. */
export interface TestBuilder {
  /** The systems that the runner's Nix builds for. */
  readonly systems: readonly string[];
  /** Remote builders may have what the runner lacks. */
  readonly hasRemoteBuilders: boolean;
  /** Nix's setting system-features; undefined where the daemon's may be others. */
  readonly features: readonly string[] | undefined;
  readonly kvm: KvmDevice;
}

/** /dev/kvm, as those see it who build. */
export type KvmDevice =
  | { readonly kind: 'usable' }
  | { readonly kind: 'missing' }
  /** `mode` as `ls -l` shows it. */
  | { readonly kind: 'closed'; readonly builder: string; readonly mode: string };

const udevRule = 'KERNEL=="kvm", GROUP="kvm", MODE="0666", OPTIONS+="static_node=kvm"';

const howToGetKvm = [
  `on GitHub's Linux runners let everybody use it, in a step before this one: echo '${udevRule}' | sudo tee /etc/udev/rules.d/99-kvm4all.rules && sudo udevadm control --reload-rules && sudo udevadm trigger --name-match=kvm`,
  'on a runner of your own switch on virtualisation in its firmware (nested virtualisation, if it is a virtual machine itself), load kvm_intel or kvm_amd, and let Nix’s build users open /dev/kvm: the same rule, or the group kvm',
].join('; ');

/**
 * Whether this runner can run the test; Nix itself would say so only after it had built all that the test needs.
 *
 * @throws GuardError if it cannot
 */
export function checkTestBuilder({ system, features }: Requirements, builder: TestBuilder): void {
  if (builder.hasRemoteBuilders) return;
  if (!builder.systems.includes(system)) {
    throw new GuardError(
      `the VM test is for ${system}, and this runner builds for ${builder.systems.join(', ')}`,
      { hint: `use a runner of that architecture, or give Nix a remote builder for ${system}` },
    );
  }
  const why = features.includes('kvm') ? kvmProblem(builder) : undefined;
  if (why !== undefined) throw new GuardError(`the VM test needs KVM, and ${why}`, { hint: howToGetKvm });
}

function kvmProblem({ kvm, features }: TestBuilder): string | undefined {
  switch (kvm.kind) {
    case 'missing':
      return 'this runner has no /dev/kvm';
    case 'closed':
      return `${kvm.builder} may not open /dev/kvm (${kvm.mode})`;
    case 'usable':
      return features === undefined || features.includes('kvm')
        ? undefined
        : `Nix's setting system-features does not have it (${features.join(', ') || 'it is empty'})`;
  }
}
