{
  imports = [ (import ./disk.nix "/dev/disk/by-id/ata-Samsung_SSD_870_S5Y1NG0R123456") ];
  networking.hostName = "db-1";
  services.postgresql.enable = true;
  users.users.admin = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    # the public half of the secret DB_SSH_KEY
    openssh.authorizedKeys.keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGki5q/SU+Q3KdHgAfI0eTbyxja/1k21xYesM+/pqkTe databases"
    ];
  };
  security.sudo.wheelNeedsPassword = false;
}
