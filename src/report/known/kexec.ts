import { inKexec, type KnownFailure, unpacking } from './failure';

const startingIt = [...unpacking, ...inKexec];

/** Of the kexec image, and of the jump into it. */
export const kexecFailures = [
  {
    id: 'image-layout',
    title: 'the kexec image is laid out in another way',
    says: /has no kexec\/(run|kexec|ip|bzImage|initrd)/,
    where: unpacking,
    cause: 'the tarball is no kexec image, or one of another make',
    hint: 'the kexec image must be a tarball laid out as those of nixos-images: kexec/{run,kexec,ip,bzImage,initrd}',
  },
  {
    id: 'image-does-not-start',
    title: 'the kexec image’s kexec/run does not start',
    says: /kexec\/run: .*(not found|Permission denied|Exec format error|cannot execute|bad interpreter)/,
    where: inKexec,
    cause: 'the image is for another architecture, or needs an interpreter that the machine lacks',
    hint: 'the machine cannot start the image’s kexec/run: use an image for its architecture, laid out as those of nixos-images',
  },
  {
    id: 'machine-disk-full',
    title: 'the machine’s disk is full before the install',
    // where nothing can be written any more, the reason cannot either
    says: /No space left on device|Wrote only \d+ of \d+ bytes|\(0 KiB free in /i,
    where: [...startingIt, { kinds: ['remote-command'], phases: ['preflight', 'build'] }],
    cause:
      'the kexec image is unpacked on the machine (below /root, /var/tmp, /home, /tmp or /run), where there is too little room',
    hint: 'the disk of the machine as it runs now is full: free some 1 GB below /root or /var/tmp there, or boot an installer from other media',
  },
  {
    id: 'image-damaged',
    title: 'the kexec image is damaged, or no tarball',
    says: /invalid compressed data|crc error|not in gzip format|stdin is encrypted|compressed data is corrupt|Decoding error|does not look like a tar archive|invalid (tar )?magic|corrupted data/i,
    where: unpacking,
    cause: 'the file was changed on its way, or a web page was saved instead of it',
    hint: 'the file given as kexec is no tarball, or was damaged: fetch it anew, look at what it is (file, tar -tf), and pin the right one with kexec-sha256',
  },
  {
    id: 'image-ends-early',
    title: 'the kexec image ends too early',
    // gzip, xz, zstd, tar, and BusyBox’s
    says: /unexpected end of (file|input)|Unexpected EOF in archive|premature end|\bshort read\b|truncated input/i,
    where: unpacking,
    cause: 'the download broke off, or the file is only a part of the image',
    hint: 'the kexec image ends too early: fetch it anew and compare its SHA-256; where the machine’s own download breaks off, fetch the image in a step before this one and give its path as kexec',
  },
  {
    id: 'image-host-unknown',
    title: 'the name in the kexec image’s URL is not resolved',
    says: /unable to resolve host|Could(n't| not) resolve host|bad address|fetching the kexec image .*getaddrinfo|Temporary failure in name resolution/i,
    where: [{ kinds: ['guard', 'connection'], phases: ['build'] }],
    cause: 'the address is wrong, or neither machine nor runner has a name server that knows it',
    hint: 'a name could not be resolved: check the address in kexec, and the network of machine and runner; or fetch the image in a step before this one and give its path as kexec',
  },
  {
    id: 'kexec-board',
    title: 'the board cannot kexec',
    says: /CPUs are stuck|kexec[\w ]*: (Device or )?resource busy/i,
    where: inKexec,
    cause: 'a Raspberry Pi or another ARM board, whose other CPUs the kernel cannot stop',
    hint: 'this board cannot kexec: boot an installer from other media',
  },
  {
    id: 'kexec-xen',
    title: 'a Xen guest cannot kexec',
    says: /Could not get memory layout/,
    where: inKexec,
    cause: 'the image’s kexec knows nothing of Xen, whose guests have their memory laid out in another way',
    hint: 'a Xen guest cannot kexec: use the provider’s image or an installer ISO',
  },
  {
    id: 'kexec-signature',
    title: 'the kernel refuses the image’s signature',
    says: /kexec\w* failed: (Key was rejected by service|Required key not available|Bad message)/,
    where: inKexec,
    cause:
      'the running kernel takes only images that are signed with a key it knows, or is too old for this one',
    hint: 'the running kernel refuses the image’s signature: use a newer kexec image, switch off Secure Boot, or boot an installer from other media',
  },
  {
    id: 'kexec-unknown',
    title: 'the kernel was built without kexec',
    says: /kexec\w* failed: Function not implemented|syscall kexec\w* not available/,
    where: inKexec,
    cause: 'the running kernel has no kexec (CONFIG_KEXEC, CONFIG_KEXEC_FILE)',
    hint: 'the running kernel cannot kexec: boot the machine with another kernel of its distribution, or boot an installer from other media',
  },
  {
    id: 'kexec-forbidden',
    title: 'kexec is forbidden',
    says: /kexec.*(Permission denied|Operation not permitted)/,
    where: inKexec,
    cause: 'Secure Boot, kernel lockdown, kexec_load_disabled, or a container that may not do it',
    hint: 'kexec is forbidden there: switch off Secure Boot or kernel lockdown, leave the container, or boot an installer from other media',
  },
  {
    id: 'kexec-memory',
    title: 'kexec finds no room in memory',
    says: /kexec\w* failed: (Invalid argument|Cannot assign requested address|Address not available|Cannot allocate memory)|Could not find a free area of memory|locate_hole failed/,
    where: inKexec,
    cause: 'mostly too little free memory in one piece; swap does not count',
    hint: 'mostly too little free memory: use a bigger machine or stop services first; swap does not help',
  },
] as const satisfies readonly KnownFailure[];
