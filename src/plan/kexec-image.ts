import type { KexecImage } from '../inputs/settings';

/** Where an image comes from once the machine is known. */
export type LocatedImage = Exclude<KexecImage, { kind: 'default' }>;

/** The release of nixos-images that is used when no kexec image is given. */
const defaultImage = (architecture: string) =>
  `https://github.com/nix-community/nixos-images/releases/download/nixos-25.11/nixos-kexec-installer-noninteractive-${architecture}-linux.tar.gz`;
const architecturesWithImage = ['x86_64', 'aarch64'];

/** @returns undefined where none is given and there is none for this architecture (as `uname -m` names it) */
export function locateImage(image: KexecImage, architecture: string): LocatedImage | undefined {
  if (image.kind !== 'default') return image;
  return architecturesWithImage.includes(architecture)
    ? { kind: 'url', url: defaultImage(architecture) }
    : undefined;
}

/** As the plan names it: what runs as root on the machine is part of what is approved. Tokens in a URL are not. */
export function nameImage(image: LocatedImage): string {
  if (image.kind === 'path') return image.path;
  try {
    const { origin, pathname } = new URL(image.url);
    return `${origin}${pathname}`;
  } catch {
    return 'a URL that cannot be read';
  }
}
