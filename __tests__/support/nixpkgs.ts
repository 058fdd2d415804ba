// A stand-in for nixpkgs, which is not on this machine: as much of eval-config.nix, of nixos/default.nix and of
// `pkgs.nixos` as leads from modules to what they build. What it builds are files that name themselves.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './runtime';

const evalConfig = `
{ modules, specialArgs ? { }, system ? "x86_64-linux", ... }:
let
  merge = a: b:
    if builtins.isAttrs a && builtins.isAttrs b && !(a ? drvPath) then
      a // builtins.mapAttrs (name: value: if a ? \${name} then merge a.\${name} value else value) b
    else b;
  load = module:
    let
      content = if builtins.isPath module || builtins.isString module then import module else module;
      value = if builtins.isFunction content then content (args // specialArgs) else content;
    in
    map load (value.imports or [ ]) ++ [ (builtins.removeAttrs value [ "imports" ]) ];
  flatten = list: builtins.concatMap (each: if builtins.isList each then flatten each else [ each ]) list;
  args = { inherit config pkgs; lib = { }; modulesPath = toString ../modules; };
  pkgs.stdenv.hostPlatform.system = system;
  config = builtins.foldl' merge { } (flatten (map load ([ (../modules/base.nix) ] ++ modules)));
in
{
  inherit config pkgs;
  options = { };
  extendModules = extra: import ./eval-config.nix { inherit modules system; specialArgs = specialArgs // (extra.specialArgs or { }); };
}`;

const base = `
{ config, ... }:
let
  drv = name: text: derivation {
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" "echo '\${text}' >$out" ];
  };
  name = config.networking.hostName or "nixos";
in
{
  networking.hostName = "nixos";
  disko.devices.disk.main.device = "/dev/vda";
  services.openssh.hostKeys = map (type: { inherit type; path = "/etc/ssh/ssh_host_\${type}_key"; }) [ "rsa" "ed25519" ];
  nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };
  virtualisation.vmVariant.system.build.toplevel = drv "nixos-vm-\${name}" "variant";
  system.build = {
    toplevel = drv "nixos-system-\${name}" (config.role or "none");
    installTest = drv "vm-test-\${name}" "passed";
    vm = drv "vm" "vm";
    # disko traces that it is deprecated
    disko = throw "the .disko output is deprecated, please use .diskoScript instead";
  } // builtins.listToAttrs (map (script: { name = script; value = drv script name; }) [
    "diskoScript" "diskoScriptNoDeps" "formatScript" "formatScriptNoDeps" "mountScript" "mountScriptNoDeps"
  ]);
}`;

const nixosDefault = `
{ configuration ? import ./lib/from-env.nix "NIXOS_CONFIG" <nixos-config>, system ? "x86_64-linux" }:
let eval = import ./lib/eval-config.nix { inherit system; modules = [ configuration ]; }; in
{ inherit (eval) pkgs config options; system = eval.config.system.build.toplevel; inherit (eval.config.system.build) vm; }`;

const fromEnv = `
name: default: let value = builtins.getEnv name; in if value == "" then default else /. + value`;

const top = `
{ ... }: {
  nixos = modules:
    let eval = import ./nixos/lib/eval-config.nix { modules = if builtins.isList modules then modules else [ modules ]; };
    in eval.config.system.build // eval;
}`;

/** @returns the folder that `<nixpkgs>` has to lead to */
export function makeNixpkgs(): string {
  return makeFiles({
    'default.nix': top,
    'nixos/default.nix': nixosDefault,
    'nixos/lib/eval-config.nix': evalConfig,
    'nixos/lib/from-env.nix': fromEnv,
    'nixos/modules/base.nix': base,
    'nixos/modules/profiles/qemu-guest.nix': '{ ... }: { }',
  });
}

/** A folder with these files. */
export function makeFiles(files: Readonly<Record<string, string>>, name = 'files'): string {
  const folder = temporaryFolder(name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
