# What is installed. Three things are yours: the host name, the disk, and the key. As long as CHANGE stands in place of the
# disk or the key, the action refuses to install this, before it touches anything.
{ modulesPath, ... }:
{
  imports = [
    # how the disk is divided, and the boot loader that goes with it. This one boots by UEFI and by BIOS, so you need not
    # know which the machine does; ./disk-uefi.nix and ./disk-bios.nix are for one of them
    ./disk-both.nix
    # the drivers of virtual machines (KVM, QEMU). For Hyper-V set virtualisation.hypervGuest.enable = true
    (modulesPath + "/profiles/qemu-guest.nix")
  ]
  # what the workflow hardware-report.yml learns of the machine, once its pull request is merged
  ++ (if builtins.pathExists ./facter.json then [ { hardware.facter.reportPath = ./facter.json; } ] else [ ]);

  networking.hostName = "web-1";

  # ALL THAT IS ON THIS DISK WILL BE LOST. On the machine, `ls -l /dev/disk/by-id /dev/disk/by-path` has the names; a plan
  # lists its disks too. Names such as /dev/sda may be those of another disk at the next boot
  disko.devices.disk.main.device = "/dev/disk/by-id/CHANGE";

  # public keys, one a line: at least the public half of the secret SSH_PRIVATE_KEY, with which the action asks the new
  # system who it is
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 CHANGE"
  ];

  services.openssh = {
    enable = true;
    settings.PasswordAuthentication = false;
  };

  # SSH is let through by services.openssh; write here what else may be reached, such as 80 and 443
  networking.firewall = {
    enable = true;
    allowedTCPPorts = [ ];
  };

  # the release that was installed first; it stays as it is when you go to a newer one
  system.stateVersion = "25.11";
}
