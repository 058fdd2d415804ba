# Boots by UEFI and by BIOS: GRUB, in an EFI partition and in a small one that has no file system. Which disk it is, is said
# in configuration.nix.
{
  disko.devices.disk.main = {
    type = "disk";
    content = {
      type = "gpt";
      partitions = {
        # for BIOS. disko adds its disk to boot.loader.grub.devices: named there once more, nothing evaluates
        bios = {
          size = "1M";
          type = "EF02";
          priority = 1;
        };
        # for UEFI
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

  boot.loader.grub = {
    enable = true;
    efiSupport = true;
    # where every UEFI looks, so that no entry of the firmware has to be made
    efiInstallAsRemovable = true;
  };
}
