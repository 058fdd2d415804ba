// The machine that is copied to: a real sshd whose /mnt is empty and in memory.
import { nixEnvironment } from '../testbed/paths.mts';
import { Sshd } from '../testbed/sshd.mts';

/**
 * In a mount namespace of its own. Its own /run too: the bridge ends all store daemons that are written down there, and
 * they may be those of a test that runs beside us.
 */
const launcher = `set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /run/sshd /run/home /run/nix-conf
printf 'substituters =\\nbuild-users-group =\\n' >/run/nix-conf/nix.conf
exec "$@"`;

/** The caller stops it; its store is gone then. */
export function startMachine(): Promise<Sshd> {
  return Sshd.start({
    // a home in memory too: Nix leaves a cache there that belongs to root
    environment: { HOME: '/run/home', PATH: nixEnvironment().PATH, NIX_CONF_DIR: '/run/nix-conf' },
    launcher: [
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-c',
      launcher,
      'sh',
    ],
  });
}
