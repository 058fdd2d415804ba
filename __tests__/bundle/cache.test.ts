import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CacheService } from '../../testbed/cache-service.mts';
import { makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

/** A configuration of which one package can be changed; the package needs a tool that only its build uses. */
function flakeOf(version: string): string {
  return makeFlake(`{ nixosConfigurations.demo = {
    pkgs.system = "x86_64-linux";
    config = {
      networking.hostName = "demo";
      services.openssh = { enable = true; hostKeys = [ ]; };
      users.users = { };
      disko.devices.disk = { };
      nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };
      system.build = let
        build = name: text: derivation {
          inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" text ]; allowSubstitutes = false;
        };
        tool = build "tool" "echo tool >$out";
        package = build "package" "read x <\${tool}; echo ${version} >$out";
        other = build "other" "echo other >$out";
      in {
        toplevel = build "nixos-system-demo" "echo \${package} \${other} >$out";
        diskoScript = build "disko" "echo disko >$out";
      };
    };
  }; }`);
}

async function buildRun(service: CacheService, flake: string, more: Record<string, string> = {}) {
  const dir = temporaryFolder('run');
  mkdirSync(join(dir, 'store'), { recursive: true });
  const before = service.requests.length;
  const run = await runBundle({
    dir,
    inputs: { flake: `${flake}#demo`, 'build-only': 'true', ...more },
    env: service.environment,
  });
  const built = run.log.split('\n').filter((line) => line.startsWith('building ')).length;
  const requests = service.requests.slice(before);
  const uploaded = requests.reduce((sum, { what, bytes }) => sum + (what === 'upload' ? bytes : 0), 0);
  return { ...run, built, requests, uploaded };
}

describe('the cache', () => {
  test('has the second run build nothing and upload nothing, and the third what has changed', async () => {
    const service = await CacheService.start();
    atEnd(() => service.stop());
    const first = await buildRun(service, flakeOf('1'));
    expect(first.built).toBe(5);
    const second = await buildRun(service, flakeOf('1'));
    expect(second.built).toBe(0);
    expect(second.uploaded).toBe(0);
    const third = await buildRun(service, flakeOf('2'));
    expect(third.built).toBe(2);
  });
});
