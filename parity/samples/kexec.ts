import { imitated, real, type Sample } from './sample';

const issue = (number: number) => `nixos-anywhere issue ${number}`;
const programs = (title: string) => `loopback/known-programs › ${title}` as const;
const noKexec = 'the words of kexec-tools; no test may call kexec on the computer that runs it';

export const kexecSamples = {
  'image-layout': real(
    'loopback/staging › of the wrong layout: what it holds, and which layout is wanted',
    'guard build',
    'the kexec image has no kexec/run; it holds: ./README ./installer',
  ),
  'image-does-not-start': [
    ...real(programs('that %s'), 'remote-command kexec', 'kexec/run: not found'),
    ...real(programs('that %s'), 'remote-command kexec', 'kexec/run: …Exec format error'),
    ...imitated(
      'the words of bash',
      'remote-command kexec',
      'bash: line 1: /root/nixos-anywhere/image/kexec/run: cannot execute: required file not found',
    ),
  ],
  'machine-disk-full': [
    ...real(
      programs('for which there is no room'),
      'guard build',
      'the kexec image could not be unpacked: … (0 KiB free in /root/nixos-anywhere)',
      'tar: initrd: Wrote only … of … bytes',
    ),
    ...imitated(
      'the words of tar',
      'guard build',
      'tar: kexec/initrd: Cannot write: No space left on device',
    ),
  ],
  'image-ends-early': [
    ...real(
      programs('that ends in the middle, packed with %s'),
      'guard build',
      'gzip: stdin: unexpected end of file',
      'xz: (stdin): Unexpected end of input',
      '/*stdin*\\ : Read error (39) : premature end',
      'tar: Unexpected EOF in archive',
    ),
    ...imitated('the words of BusyBox', 'guard build', 'gzip: unexpected end of file', 'tar: short read'),
  ],
  'image-damaged': [
    ...real(
      programs('that was changed on its way, packed with %s'),
      'guard build',
      'gzip: stdin: invalid compressed data--crc error',
      'xz: (stdin): Compressed data is corrupt',
      "/*stdin*\\ : Decoding error (36) : Restored data doesn't match checksum",
    ),
    ...real(programs('that is a web page'), 'guard build', 'tar: This does not look like a tar archive'),
    ...imitated(
      'the words of BusyBox',
      'guard build',
      'gzip: crc error',
      'xz: corrupted data',
      'tar: invalid tar magic',
    ),
  ],
  'image-host-unknown': [
    ...real(
      programs('at a name that nobody knows'),
      'connection build',
      'fetching the kexec image http://nowhere.invalid/image.tar.gz failed: fetch failed: getaddrinfo …',
    ),
    ...imitated(
      'the words of curl, GNU’s wget and that of BusyBox',
      'guard build',
      'curl: (6) Could not resolve host: github.com',
      'wget: unable to resolve host address ‘github.com’',
      "wget: bad address 'github.com'",
    ),
  ],
  'kexec-board': imitated(
    noKexec,
    'remote-command kexec',
    'kexec_load failed: Device or resource busy',
    "Can't kexec: CPUs are stuck in the kernel.",
  ),
  'kexec-xen': imitated(issue(164), 'remote-command kexec', 'Could not get memory layout'),
  'kexec-signature': imitated(
    noKexec,
    'remote-command kexec',
    'kexec_file_load failed: Key was rejected by service',
    'kexec_file_load failed: Required key not available',
  ),
  'kexec-unknown': imitated(noKexec, 'remote-command kexec', 'kexec_load failed: Function not implemented'),
  'kexec-forbidden': imitated(
    noKexec,
    'remote-command kexec',
    'kexec_load failed: Operation not permitted',
    'kexec_load failed: Permission denied',
  ),
  'kexec-memory': [
    ...imitated(issue(84), 'remote-command kexec', 'kexec_load failed: Invalid argument'),
    ...imitated(issue(651), 'remote-command kexec', 'kexec_file_load failed: Address not available'),
    ...imitated(
      noKexec,
      'remote-command kexec',
      'kexec_load failed: Cannot assign requested address',
      'kexec_load failed: Cannot allocate memory',
      'Could not find a free area of memory of 0x1cf358 bytes...',
    ),
  ],
} as const satisfies Record<string, readonly Sample[]>;
