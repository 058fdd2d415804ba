import { imitated, real, type Sample } from './sample';

const issue = (number: number) => `nixos-anywhere issue ${number}`;
const noKexec = 'the words of kexec-tools; no test may call kexec on the computer that runs it';

export const kexecSamples = {
  'image-layout': real(
    'loopback/staging › of the wrong layout: what it holds, and which layout is wanted',
    'guard build',
    'the kexec image has no kexec/run; it holds: ./README ./installer',
  ),
  'image-does-not-start': imitated(
    issue(608),
    'remote-command kexec',
    'sh: 1: exec: /root/nixos-anywhere/image/kexec/run: not found',
    '/root/nixos-anywhere/image/kexec/run: 3: kexec: Exec format error',
  ),
  'machine-disk-full': imitated(
    'the words of tar',
    'guard build',
    'tar: kexec/initrd: Cannot write: No space left on device',
  ),
  'image-ends-early': imitated(
    'gzip, xz, tar',
    'guard build',
    'gzip: stdin: unexpected end of file',
    'xz: (stdin): Unexpected end of input',
    'tar: Unexpected EOF in archive',
  ),
  'image-damaged': imitated('gzip', 'guard build', 'gzip: stdin: invalid compressed data--crc error'),
  'image-host-unknown': imitated(
    'curl, wget, BusyBox, Node',
    'guard build',
    'curl: (6) Could not resolve host: github.com',
    'wget: unable to resolve host address ‘github.com’',
    "wget: bad address 'github.com'",
    'fetch failed: getaddrinfo ENOTFOUND nowhere.invalid',
  ),
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
