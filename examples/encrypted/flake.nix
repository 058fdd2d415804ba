# One machine whose root file system is encrypted, for nixos-anywhere-action. It boots with somebody who enters the passphrase:
# over SSH, or at its console.
# Before the first run: nix flake lock, and commit flake.lock.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    disko = {
      url = "github:nix-community/disko";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, disko, ... }:
    {
      nixosConfigurations.vault-1 = nixpkgs.lib.nixosSystem {
        # aarch64-linux for ARM
        system = "x86_64-linux";
        modules = [
          disko.nixosModules.disko
          ./configuration.nix
        ];
      };
    };
}
