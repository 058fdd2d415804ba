// What Nix cannot take from a layer, although it was whole when it was unpacked: a disk that fails in between.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { buildRun, derivationsOfFlake, flakeOf } from '../support/cache';
import { atEnd, testEach } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

/** PATH with a nix that does this to each compressed NAR before it builds with them. */
function pathWithNixThat(does: string): string {
  const { PATH } = nixEnvironment();
  const folder = join(temporaryFolder('nix'), 'bin');
  mkdirSync(folder);
  const script = `#!/bin/sh
case " $* " in *" --dry-run "*) ;; *)
  for word; do case $word in file://*) for nar in "\${word#file://}"/nar/*; do ${does}; done ;; esac; done ;;
esac
PATH=\${PATH#*:} exec nix "$@"
`;
  writeFileSync(join(folder, 'nix'), script);
  chmodSync(join(folder, 'nix'), 0o755);
  return `${folder}:${PATH}`;
}

testEach<string, string>([
  ['damaged', `printf xxxxxxxx | dd of="$nar" bs=1 seek=20 conv=notrunc 2>/dev/null`],
  ['cut off', `truncate -s 10 "$nar"`],
  ['gone', `rm "$nar"`],
])('what is %s on the disk is built, and the run goes on', async (_, does) => {
  const service = await CacheService.start();
  atEnd(() => service.stop());
  const flake = flakeOf('1');
  const first = await buildRun(service, flake);
  expect(first.built, first.log).toBe(derivationsOfFlake);
  const second = await buildRun(service, flake, {}, { env: { PATH: pathWithNixThat(does ?? '') } });
  expect(second.code, second.log).toBe(0);
  expect(second.built).toBe(derivationsOfFlake);
  expect(second.outputs['system-path']).toBe(first.outputs['system-path']);
});
