# What is installed. As long as CHANGE stands in place of the disk or the key, the action refuses to install this.
{ config, modulesPath, ... }:
{
  imports = [
    ./disk.nix
    ./unlock.nix
    # the drivers of virtual machines (KVM, QEMU), in the initrd too
    (modulesPath + "/profiles/qemu-guest.nix")
  ];

  networking.hostName = "vault-1";

  # ALL THAT IS ON THIS DISK WILL BE LOST. On the machine, `ls -l /dev/disk/by-id /dev/disk/by-path` has the names
  disko.devices.disk.main.device = "/dev/disk/by-id/CHANGE";

  # public keys, one a line: the public half of the secret SSH_PRIVATE_KEY, and those of who may unlock the disk
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 CHANGE"
  ];
  boot.initrd.network.ssh.authorizedKeys = config.users.users.root.openssh.authorizedKeys.keys;

  services.openssh = {
    enable = true;
    settings.PasswordAuthentication = false;
  };

  system.stateVersion = "25.11";
}
