# Systems small enough to build without nixpkgs: a static busybox is the only builder, and the userland is the Debian
# one that payload.json points to. build-flake.sh lays busybox/ and payload.json beside a copy of this file.
{
  outputs =
    { self }:
    let
      readJSON = file: builtins.fromJSON (builtins.readFile file);
      settings = readJSON ./settings.json;
      payload = readJSON ./payload.json;
      build = import ./build.nix { inherit payload; };
      mkSystem = import ./system.nix { inherit build; };
      shared = {
        inherit (settings) hostName;
        disk = settings.disk or "/dev/vda";
        authorizedKeys = [ payload.authorizedKey ];
      };
      variant = changes: mkSystem (shared // changes);
      # of a fleet: each with what its system has of its own, and with its inputs
      hosts = settings.hosts or { };
      generated = import ./hardware-configuration.nix {
        config = { };
        lib.mkDefault = value: value;
        pkgs = { };
        modulesPath = "";
      };
    in
    {
      nixosConfigurations = {
        demo = variant { };
        # a closure of 480 MB
        heavy = variant { ballast = build.noise 16 20; };
        # and a disk that does not hold it
        too-large = variant {
          ballast = build.noise 16 20;
          rootSize = "size=300M, ";
        };
        # time to break a connection, or to cancel
        slow = variant {
          delaySeconds = 20;
          ballast = build.noise 10 10;
        };
        # answers with another host key than the one found on its disk
        rekeyed = variant { rekey = true; };
        # lets nobody in
        closed = variant { authorizedKeys = [ ]; };
        broken-loader = variant { loader = "fails"; };
        no-entry = variant { loader = "no-entry"; };
        never-boots = variant { hangs = true; };
        broken-build = variant { ballast = [ build.failing ]; };
        broken-eval = throw "the demo flake refuses to evaluate";
        # its root opens with a key file; nothing here boots that
        encrypted = variant { keyFile = "/tmp/disk.key"; };
        # and this one boots
        unattended = variant {
          keyFile = "/tmp/disk.key";
          unattended = true;
        };
        # these import what only the machine can tell
        facter = variant { hardware = (readJSON ./facter.json).virtualisation or "nothing yet"; };
        generated = variant { hardware = toString generated.boot.initrd.availableKernelModules; };
        # what may go wrong when a running machine is switched
        refuses = variant { fault = "refuse"; };
        kills-sshd = variant { fault = "sshd"; };
        cuts-network = variant { fault = "network"; };
        units-fail = variant { fault = "units"; };
        locks-out = variant { fault = "lockout"; };
        bare = variant { bare = true; };
        missing-disk = variant { disk = "/dev/vdz"; };
      }
      // builtins.mapAttrs (hostName: host: variant ({ inherit hostName; } // host.system)) hosts;
      nixosAnywhere = builtins.mapAttrs (_: host: host.data) hosts;
    };
}
