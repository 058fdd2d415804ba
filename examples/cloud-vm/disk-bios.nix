# Boots by BIOS: GRUB, in a small partition that has no file system. Which disk it is, is said in configuration.nix.
{
  disko.devices.disk.main = {
    type = "disk";
    content = {
      type = "gpt";
      partitions = {
        # disko adds its disk to boot.loader.grub.devices: named there once more, nothing evaluates
        bios = {
          size = "1M";
          type = "EF02";
          priority = 1;
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

  boot.loader.grub.enable = true;
}
