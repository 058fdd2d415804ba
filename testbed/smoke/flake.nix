# The least that the action evaluates, without inputs: CI has it planned on each kind of runner.
{
  outputs = _: {
    nixosConfigurations.demo = {
      pkgs.system = "x86_64-linux";
      config = {
        networking.hostName = "demo";
        services.openssh = {
          enable = true;
          hostKeys = [
            {
              type = "ed25519";
              path = "/etc/ssh/ssh_host_ed25519_key";
            }
          ];
        };
        users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA test" ];
        disko.devices.disk = { };
        nix.settings = {
          substituters = [ ];
          trusted-public-keys = [ ];
        };
        system.build =
          let
            made =
              name:
              derivation {
                inherit name;
                system = "x86_64-linux";
                builder = "/bin/sh";
              };
          in
          {
            toplevel = made "nixos-system-demo";
            diskoScript = made "disko";
          };
      };
    };
  };
}
