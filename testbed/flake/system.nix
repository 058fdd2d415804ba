# One system, with the attributes of a NixOS configuration that installing it asks for.
{ build }:
{
  hostName,
  authorizedKeys,
  ballast ? [ ],
  disk,
  delaySeconds ? 0,
  rekey ? false,
  # what its boot loader set-up does: works, fails, or leaves no entry (no-entry)
  loader ? "works",
  # the boot comes to its init and no further
  hangs ? false,
  # opens the encrypted root; not encrypted without one
  keyFile ? "",
  # it boots with nobody there to open it
  unattended ? false,
  # how large the root partition is, as sfdisk takes it (`size=64M, `); the rest of the disk if not given
  rootSize ? "",
  # what goes wrong in a switch: refuse, sshd, network, units, lockout; none otherwise
  fault ? "none",
  # what a report on the machine says, for the machine to say it again
  hardware ? "",
  # for a machine that keeps its own Linux
  bare ? false,
}:
let
  inherit (build)
    busybox
    fetch
    run
    script
    system
    userland
    ;
  lines = builtins.concatStringsSep "\n";
  yesNo = value: if value then "yes" else "no";

  config = {
    networking = { inherit hostName; };
    services.openssh = {
      enable = true;
      ports = [ 22 ];
      hostKeys = [
        {
          path = "/etc/ssh/ssh_host_ed25519_key";
          type = "ed25519";
        }
      ];
    };
    users.users.root.openssh.authorizedKeys = {
      keys = authorizedKeys;
      keyFiles = [ ];
    };
    boot.loader = {
      systemd-boot.enable = true;
      grub.enable = false;
    };
    disko.devices.disk.main = {
      type = "disk";
      device = disk;
    };
    nix.settings = {
      substituters = [ ];
      trusted-public-keys = [ ];
    };
    system.build = {
      toplevel = if bare then bareToplevel else toplevel;
      installTest = run "vm-test-${hostName}" "echo 'the disk layout of ${hostName} is fine' | tee $out";
    }
    // disko "diskoScript" "disko"
    // disko "formatScript" "format"
    // disko "mountScript" "mount";
  };

  # the script NAME, and NAMENoDeps, which brings no tools along
  disko =
    name: mode:
    let
      withTools = deps: script "disko-${mode}" ./disko.sh {
        inherit mode disk deps delaySeconds keyFile rootSize;
        unattended = yesNo unattended;
      };
    in
    {
      ${name} = withTools "${build.diskTools}/bin:";
      "${name}NoDeps" = withTools "";
    };

  openssh = config.services.openssh;
  sshdConfig = lines (
    map (port: "Port ${toString port}") openssh.ports
    ++ map (key: "HostKey ${key.path}") openssh.hostKeys
    ++ [
      "PermitRootLogin prohibit-password"
      "PasswordAuthentication no"
      "UsePAM no"
      "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u"
    ]
  );
  init = script "init" ./init.sh {
    inherit busybox userland;
    hostKeys = lines (map (key: "${key.type} ${key.path}") openssh.hostKeys);
    rekey = yesNo rekey;
    hangs = yesNo hangs;
  };
  activate = script "activate" ./activate.sh {
    inherit busybox hostName sshdConfig;
    keys = lines config.users.users.root.openssh.authorizedKeys.keys;
  };
  switch = script "switch-to-configuration" ./switch.sh {
    inherit busybox delaySeconds fault loader;
    bootloader = fetch "systemd-bootx64.efi";
  };

  initrd =
    if unattended then run "initrd" "cat ${fetch "initrd"} ${fetch "unlock"} >$out" else fetch "initrd";

  toplevel = run "nixos-system-${hostName}-25.11" ''
    mkdir -p $out/bin $out/sw/bin
    cp ${init} $out/init
    cp ${activate} $out/activate
    ln -s ${fetch "vmlinuz"} $out/kernel
    ln -s ${initrd} $out/initrd
    ln -s ${switch} $out/bin/switch-to-configuration
    ln -sf ${userland}/usr/bin/* ${userland}/usr/sbin/* $out/sw/bin/
    printf %s '${system}' >$out/system
    printf %s '25.11.testbed' >$out/nixos-version
    # panic: seen once, a kernel that met half a patched instruction at its start, which is QEMU's doing and not ours
    printf %s 'console=ttyS0 loglevel=4 mitigations=off panic=5' >$out/kernel-params
    printf '%s\n' ${toString ballast} >$out/ballast
    printf '%s\n' '${hardware}' >$out/hardware
  '';

  bareToplevel = run "nixos-system-${hostName}-bare" ''
    mkdir -p $out/bin
    ln -s ${script "switch-to-configuration" ./bare-switch.sh { inherit busybox hostName; }} \
      $out/bin/switch-to-configuration
  '';
in
{
  pkgs = { inherit system; };
  inherit config;
}
