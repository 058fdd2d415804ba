import type { TestName } from './row';

/** Something that nixos-anywhere fell into, and the test that we do not: its title says `upstream`. */
export interface UpstreamFault {
  readonly fault: string;
  readonly test: TestName;
}

/** Of its flags and variables, in the order of docs/flags.md. */
export const flagFaults: readonly UpstreamFault[] = [
  {
    fault: '`.#nixosConfigurations.foo` gets no `.config`',
    test: 'bundle/upstream › upstream: .#nixosConfigurations.foo gets no .config, and a quoted attribute is rejected',
  },
  {
    fault: 'a quoted attribute is rejected',
    test: 'bundle/upstream › upstream: .#nixosConfigurations.foo gets no .config, and a quoted attribute is rejected',
  },
  {
    fault: 'without `#` two lines of help and exit 1',
    test: 'bundle/upstream › upstream: without #NAME two lines of help and exit 1',
  },
  {
    fault: 'an unknown flag silently becomes the host',
    test: 'bundle/upstream › upstream: an unknown flag silently becomes the host',
  },
  {
    fault: 'key files of mode 0644 are refused (#635)',
    test: 'bundle/upstream › upstream: key files of mode 0644 are refused',
  },
  {
    fault: 'a missing last newline or CRLF in a key gives "error in libcrypto"',
    test: 'unit/private-key › upstream: a missing last newline or CRLF gives error in libcrypto; mended, with blanks and indentation %j',
  },
  {
    fault: 'a public key gives "error in libcrypto"',
    test: 'unit/private-key › upstream: a public key gives error in libcrypto; it is called what it is, %s',
  },
  {
    fault: '`--post-kexec-ssh-port` is ignored unless `-p` was given',
    test: 'unit/kexec › upstream: post-kexec-ssh-port is ignored unless ssh-port is given',
  },
  {
    fault: 'host key checking cannot be turned on (#552)',
    test: 'loopback/host-trust › upstream: host key checking cannot be turned on; StrictHostKeyChecking=yes does, secrets or not',
  },
  {
    fault: 'the password is never used for sudo (#178, #446)',
    test: 'bundle/login › upstream: the password is never used for sudo; plans as a user who becomes root by it, and is shown nowhere',
  },
  {
    fault: 'the decompressor is guessed from the URL’s end',
    test: 'loopback/scripts-stage › upstream: the decompressor is guessed from the URL’s end; fetched whatever that says, and hashed, as %s packed it',
  },
  {
    fault: 'no checksum, and release assets are replaced in place',
    test: 'loopback/staging › upstream: the image has no checksum; another one than was pinned, fetched by %s',
  },
  {
    fault: 'IPv6-only targets are sent to a third-party proxy (gh-v6.com)',
    test: 'unit/kexec-image › upstream: IPv6-only targets are sent to a third-party proxy; a way out by IPv6 alone is not made to wait for GitHub',
  },
  {
    fault: '`--force-kexec` swallows the next argument',
    test: 'bundle/flags › upstream: force-kexec swallows the next argument; an installer is replaced, and the next input counts',
  },
  {
    fault: '`--from` cannot supply absent paths',
    test: 'bundle/configurations › upstream: from cannot supply absent paths; store-paths that the runner lacks are copied from there',
  },
  {
    fault: 'the source’s directory modes overwrite the target’s',
    test: 'loopback/scripts-extra-files › upstream fault: the modes of the source’s folders overwrite those of the target’s',
  },
  {
    fault: '`--chown`: a long path was cut, and a parent was chowned',
    test: 'loopback/scripts-new-system › upstream fault: a path of more than 35 characters is cut, and its parent is given away',
  },
  {
    fault: '`--chown`: blanks broke it',
    test: 'unit/new-system › upstream: blanks in a path break chown; numbers and names, paths with blanks and of any length',
  },
  {
    fault: '`NIXOS_NO_CHECK` is never delivered',
    test: 'loopback/scripts-new-system › upstream fault: NIXOS_NO_CHECK does not reach nixos-install',
  },
  {
    fault: 'no check for KVM',
    test: 'bundle/vm-test › upstream: no check for KVM; a test that needs it is refused where there is none, another is not asked',
  },
  {
    fault: 'the remote path of a disk encryption key is unquoted',
    test: 'loopback/scripts-secrets › upstream: the remote path is unquoted; a secret lies at any path: %s',
  },
  {
    fault: 'a trailing newline becomes part of the passphrase (#689, #161)',
    test: 'bundle/upstream › upstream: a trailing newline becomes part of the passphrase; a warning says so',
  },
  {
    fault: 'substituters with `&` are cut, and open to shell injection',
    test: 'loopback/store › upstream: values with & are cut and open to injection; a setting is one word of the daemon’s command line, whatever it holds',
  },
  {
    fault: 'substituters have no netrc (#463)',
    test: 'loopback/substituters › upstream: no netrc; a cache that asks for a password is used with one, for the store %s',
  },
  {
    fault: '`--debug` printed the private key',
    test: 'bundle/upstream › upstream: debug printed the private key',
  },
  {
    fault: '`--build-on auto` asks a wrong attribute',
    test: 'loopback/build-place › upstream: auto asks a wrong attribute; here a cross-compiled system is built where its derivations say',
  },
  {
    fault: '`--build-on auto` decides only after kexec',
    test: 'unit/build-place › upstream: decides only after kexec; here a machine that cannot build it is refused before',
  },
  {
    fault: 'extra-platforms never matches',
    test: 'loopback/build-place › upstream: extra-platforms never matches; here an emulated system is built here',
  },
  {
    fault: '`--generate-hardware-config` truncates the file before success',
    test: 'bundle/hardware-config › upstream: the file is truncated before success; here it is left as it was: %s',
  },
  {
    fault: '`--generate-hardware-config` is polluted by prompts (#494)',
    test: 'bundle/hardware-config › upstream: the file is polluted by prompts; messages of program and login shell are not in it',
  },
  {
    fault: 'a hardware report is missing on the first run (#665, #563)',
    test: 'loopback/hardware-config › upstream: a file that is missing on the first run is no obstacle, %s',
  },
  {
    fault: 'a hardware report that git does not know is not seen (#512)',
    test: 'loopback/hardware-config › upstream: what git does not know is evaluated all the same; when it does, the flake itself is',
  },
  {
    fault: '`--phases install` alone does not check that `/mnt` is mounted, so the closure fills the RAM',
    test: 'bundle/upstream › upstream: install alone does not check that /mnt is mounted, so the closure fills the RAM',
  },
];

/** What its fixes teach. */
export const lessons: readonly UpstreamFault[] = [
  {
    fault: 'string "false" is truthy',
    test: 'unit/upstream › upstream lesson: the string "false" is truthy',
  },
  {
    fault: 'a reboot must be detached with its stdio, or SSH hangs',
    test: 'loopback/scripts-reboot › upstream lesson: a reboot must be detached with its stdio, or SSH hangs',
  },
  {
    fault: 'reboot must work without install',
    test: 'loopback/scripts-reboot › upstream lesson: reboot must work without install',
  },
  {
    fault: 'sudo and facts are gathered again after kexec',
    test: 'unit/kexec › upstream lesson: sudo and facts are gathered again after kexec',
  },
  {
    fault: 'remote scripts are dash-safe files, not quoted one-liners',
    test: 'unit/upstream › upstream lesson: remote scripts are dash-safe files, not quoted one-liners: %s',
  },
  {
    fault: 'one privileged call, not several',
    test: 'unit/remote-command › upstream lesson: one privileged call, not several; without a value of a script in the command line',
  },
  {
    fault: 'a terminal adds CR to captured output',
    test: 'unit/facts › upstream lesson: a terminal adds CR to captured output',
  },
  {
    fault: 'parents before realpath',
    test: 'loopback/scripts-secrets › upstream lesson: parents before realpath; a secret arrives byte for byte, for root alone, in folders for root alone',
  },
  {
    fault: 'build only what the chosen phases need',
    test: 'bundle/offline › upstream lesson: build only what the chosen phases need; without disko the system alone',
  },
  {
    fault: 'unmount and swapoff before reboot',
    test: 'loopback/scripts-reboot › upstream lesson: unmount and swapoff before reboot',
  },
  {
    fault: 'read-only roots: no blind chmod',
    test: 'loopback/scripts-machine › upstream lesson: read-only roots: no blind chmod',
  },
  {
    fault: 'null and empty secrets differ',
    test: 'unit/load-secrets › upstream lesson: null and empty secrets differ; a variable that is not set, or empty',
  },
  {
    fault: 'ControlPath hangs closure copies (nix#8480)',
    test: 'bundle/upstream › upstream lesson: ControlPath hangs closure copies; here no ssh program is there to have one',
  },
  {
    fault: 'HOME may not be writable',
    test: 'bundle/upstream › upstream lesson: HOME may not be writable',
  },
];
