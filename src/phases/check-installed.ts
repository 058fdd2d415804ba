import { type ConfiguredBootLoader, systemPathOf } from '../plan/evaluation';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/**
 * Looks, while the machine is still reachable in the installer, whether the new system will boot.
 *
 * @throws RemoteCommandError saying what is missing
 */
export async function checkInstalled({ target, evaluation, plan, runtime }: PhaseContext): Promise<void> {
  const { bootLoader } = evaluation;
  const { installBootloader } = plan.newSystem;
  const loader = installBootloader ? loaderName(bootLoader) : 'other';
  if (loader === 'other')
    runtime.log.info(
      installBootloader
        ? 'the boot loader is not known to be systemd-boot or GRUB: its files are not checked'
        : 'the boot loader was left alone, and is not checked',
    );
  await target.run(
    scripts.checkInstalled,
    [
      systemPathOf(evaluation),
      loader,
      bootLoader?.efiMountPoint ?? '',
      bootLoader?.entriesMountPoint ?? '',
      efiName(evaluation.system ?? ''),
      ...(bootLoader?.grubBoots ?? []).flatMap(({ path, efiMountPoint }) => [path, efiMountPoint]),
    ],
    { privileged: true },
  );
}

function loaderName(bootLoader: ConfiguredBootLoader | undefined): string {
  if (bootLoader === undefined) return 'other';
  return bootLoader.kind === 'grub' && bootLoader.grubEfi ? 'grub-efi' : bootLoader.kind;
}

/** As the UEFI specification (3.5.1.1) calls the loader that is started where nothing else is set. */
function efiName(system: string): string {
  if (system.startsWith('aarch64')) return 'bootaa64.efi';
  return system.startsWith('i686') ? 'bootia32.efi' : 'bootx64.efi';
}
