import type { KexecImage } from '../inputs/settings';

/** Where an image comes from once the machine is known. */
export type LocatedImage = Exclude<KexecImage, { kind: 'default' }>;

/** What is used when no kexec image is given: a release of nixos-images, and the architectures it is made for. */
const defaultImage = {
  release: 'https://github.com/nix-community/nixos-images/releases/download/nixos-25.11',
  architectures: ['x86_64', 'aarch64'],
} as const;

/** @returns undefined where none is given and there is none for this architecture (as `uname -m` names it) */
export function locateImage(image: KexecImage, architecture: string): LocatedImage | undefined {
  if (image.kind !== 'default') return image;
  const { release, architectures } = defaultImage;
  return architectures.some((each) => each === architecture)
    ? { kind: 'url', url: `${release}/nixos-kexec-installer-noninteractive-${architecture}-linux.tar.gz` }
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

/** Whether a machine that has a way out by IPv6 alone would wait for nothing: GitHub has no such address. */
export function isIpv4Only(image: LocatedImage): boolean {
  return image.kind === 'url' && /^https?:\/\/([^/?#]*@)?github\.com([:/?#]|$)/i.test(image.url);
}
