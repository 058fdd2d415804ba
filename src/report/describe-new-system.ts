import type { Plan } from '../plan/plan';

/** What comes onto the disks beside the system, and the hooks, as name and value; nothing that is empty. */
export function describeNewSystem({ newSystem, hooks, phases }: Plan): (readonly [string, string])[] {
  const { diskKeys, extraFiles, secretFiles, chown, copyHostKeys, installBootloader, noCheck } = newSystem;
  const rows: [string, string][] = [
    [
      'files',
      extraFiles === null
        ? ''
        : `${extraFiles.files} extra files, ${(extraFiles.bytes / 1e6).toFixed(1)} MB, ${extraFiles.digest}`,
    ],
    ['disk keys', diskKeys.join(', ')],
    ['secrets', secretFiles.map(({ path, mode, owner }) => `${path} (${mode}, ${owner})`).join(', ')],
    ['owners', chown.map(({ path, owner }) => `${path} ${owner}`).join(', ')],
    ['host keys', copyHostKeys ? 'those that the machine has now are copied' : ''],
    ['loader', loaderOf(installBootloader, phases.includes('install'))],
    ['checks', noCheck === null ? '' : `NIXOS_NO_CHECK=${JSON.stringify(noCheck)} is handed on`],
    ['hooks', hooks.map(({ when, where, path }) => `${when} on the ${where}: ${path}`).join(', ')],
  ];
  return rows.filter(([, value]) => value !== '');
}

/** Only where it is not what one expects. */
function loaderOf(installBootloader: boolean, installs: boolean): string {
  if (installBootloader === installs) return '';
  return installBootloader ? 'the boot loader is installed again' : 'the boot loader is left alone';
}
