# Three machines in one flake, and what nixos-anywhere-action has to know of each of them.
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
    let
      # `self` is not handed to the modules: with self.rev in a system, every commit would change every machine
      host =
        module:
        nixpkgs.lib.nixosSystem {
          system = "x86_64-linux";
          modules = [
            disko.nixosModules.disko
            ./hosts/common.nix
            module
          ];
        };
    in
    {
      nixosConfigurations = {
        web-1 = host ./hosts/web-1.nix;
        web-2 = host ./hosts/web-2.nix;
        db-1 = host ./hosts/db-1.nix;
      };

      # a file of its own, so that listing hosts evaluates no system
      nixosAnywhere = import ./fleet.nix;
    };
}
