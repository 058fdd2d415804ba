# One machine, such as a virtual one at a provider, for a first install with nixos-anywhere-action.
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
      # the name that the workflow is told; another machine is another line here
      nixosConfigurations.web-1 = nixpkgs.lib.nixosSystem {
        # aarch64-linux for ARM
        system = "x86_64-linux";
        modules = [
          disko.nixosModules.disko
          ./configuration.nix
        ];
      };
    };
}
