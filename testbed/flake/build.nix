# What the systems are built with, in place of nixpkgs.
{ payload }:
rec {
  system = "x86_64-linux";

  fetch =
    name:
    builtins.fetchurl {
      inherit name;
      inherit (payload.files.${name}) url sha256;
    };

  busybox = builtins.path {
    name = "busybox";
    path = ./busybox;
  };

  # run NAME SCRIPT: a derivation whose builder is SCRIPT
  run = runWith { };
  runWith =
    env: name: script:
    derivation (
      env
      // {
        inherit name system;
        builder = "${busybox}/bin/busybox";
        args = [
          "sh"
          "-euc"
          script
        ];
        PATH = "${busybox}/bin";
      }
    );

  # script NAME FILE VALUES: an executable copy of FILE with each @name@ replaced, run by busybox
  script =
    name: file: values:
    runWith {
      text =
        builtins.replaceStrings
          ([ "#!/bin/sh" ] ++ map (key: "@${key}@") (builtins.attrNames values))
          ([ "#!${busybox}/bin/sh" ] ++ map toString (builtins.attrValues values))
          (builtins.readFile file);
    } name "printf '%s\\n' \"$text\" >$out; chmod 555 $out";

  userland = run "userland" "mkdir $out; tar -xzf ${fetch "rootfs.tar.gz"} -C $out";

  # what a disko script brings along; the libraries are the installer's
  diskTools = run "disk-tools" ''
    mkdir -p $out/bin
    for tool in sfdisk wipefs blkid mkfs.vfat mkfs.ext4; do
      cp -L ${userland}/usr/sbin/$tool $out/bin/$tool
    done
  '';

  # noise MIB COUNT: paths of bytes that do not compress
  noise =
    mib: count:
    builtins.genList (
      n:
      run "noise-${toString mib}-${toString n}" "head -c ${toString (mib * 1048576)} /dev/urandom >$out"
    ) count;

  failing = run "failing" "for i in $(seq 1 30); do echo \"line $i of a build that fails\"; done; exit 1";
}
