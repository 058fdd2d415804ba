{
  imports = [ (import ./disk.nix "/dev/vda") ];
  networking.hostName = "web-2";
  services.nginx.enable = true;
  networking.firewall.allowedTCPPorts = [
    80
    443
  ];
}
