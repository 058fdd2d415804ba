/** These inputs hold a secret themselves, or name a source of one. */
export const secretInputs = [
  'ssh-private-key',
  'ssh-private-key-passphrase',
  'ssh-password',
  'sudo-password',
  'jump-ssh-private-key',
  'jump-ssh-private-key-passphrase',
  'post-install-ssh-private-key',
  'post-install-ssh-private-key-passphrase',
  'netrc',
  'cache-signing-key',
] as const;
