# Boots by UEFI: systemd-boot, in an EFI partition. Which disk it is, is said in configuration.nix.
{
  disko.devices.disk.main = {
    type = "disk";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          size = "512M";
          type = "EF00";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
      };
    };
  };

  boot.loader.systemd-boot = {
    enable = true;
    # each system has its kernel in the EFI partition
    configurationLimit = 10;
  };
  boot.loader.efi.canTouchEfiVariables = true;
}
