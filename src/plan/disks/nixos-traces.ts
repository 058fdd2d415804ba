import type { Content, DiskPlan } from './fates';

/**
 * What looks like an installed NixOS on the disks that would be changed, in words: labels of file systems and
 * partitions that NixOS's manual, its installers and disko (`disk-NAME-PARTITION`) give. What is called otherwise is
 * not seen: nothing is mounted to look for it.
 */
export function nixosTraces(disks: readonly DiskPlan[]): readonly string[] {
  return disks
    .filter(({ fate }) => fate !== 'untouched')
    .flatMap(({ contents }) => contents.flatMap(withInner))
    .flatMap(({ device, type, label, partitionLabel }) => {
      const name = [label, partitionLabel].find((text) => /nixos|^disk-.+-.+/i.test(text));
      return name === undefined ? [] : [`${device}: ${[type, name].filter((text) => text !== '').join(' ')}`];
    });
}

function withInner(content: Content): readonly Content[] {
  return [content, ...content.contains.flatMap(withInner)];
}
