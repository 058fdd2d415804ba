import { isNumeric, ownerships } from './chown';
import { extraFilesFolder } from './extra-files';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { secretFiles } from './secret-files';
import type { BuildSettings, NewSystemSettings, SecretFile, Setting } from './settings';
import type { InputName } from './table';

/** What is put on the new disks beside the system, and how that is installed. */
export function readNewSystem(reader: InputReader, { phases }: BuildSettings): NewSystemSettings {
  const noCheck = reader.variable('NIXOS_NO_CHECK');
  const settings: NewSystemSettings = {
    extraFiles: reader.optional<string | undefined>('extra-files', extraFilesFolder, undefined),
    secretFiles: readSecretFiles(reader),
    chown: reader.optional('chown', ownerships, []),
    installBootloader: reader.optional<boolean | undefined>('install-bootloader', parse.boolean, undefined),
    noCheck: { value: noCheck, source: noCheck === undefined ? 'default' : 'environment' },
  };
  if (!phases.value.includes('install'))
    for (const input of ['extra-files', 'secret-files', 'chown'] as const)
      if (reader.text(input) !== undefined)
        reader.problem(input, 'is for the install phase, which is not among phases; leave it out');
  checkNames(settings, reader);
  return settings;
}

function readSecretFiles(reader: InputReader): Setting<readonly SecretFile[]> {
  const input: InputName = 'secret-files';
  const lines = reader.optional(input, secretFiles, []);
  const files = lines.value.flatMap(({ path, mode, owner, source }) => {
    const contents = reader.contentsOf(input, source, `${path}: `);
    return contents === undefined ? [] : [{ path, mode, owner, contents: reader.secrets.register(contents) }];
  });
  return { ...lines, value: files };
}

/** The accounts of the new system are made when its boot loader is installed: nixos-install has one step for both. */
function checkNames({ secretFiles, chown, installBootloader }: NewSystemSettings, reader: InputReader): void {
  if (installBootloader.value !== false) return;
  const inputs = [
    ['secret-files', secretFiles.value],
    ['chown', chown.value],
  ] as const;
  for (const [input, entries] of inputs)
    for (const { path, owner } of entries)
      if (owner !== undefined && !isNumeric(owner))
        reader.problem(
          input,
          `names an owner of ${path}, whom nobody knows with install-bootloader: false; give numbers`,
        );
}
