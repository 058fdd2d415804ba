{
  imports = [ (import ./disk.nix "/dev/vda") ];
  networking.hostName = "web-1";
  services.nginx.enable = true;
  networking.firewall.allowedTCPPorts = [
    80
    443
  ];
}
