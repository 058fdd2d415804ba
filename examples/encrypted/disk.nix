# Boots by UEFI and by BIOS. What is needed to ask for the passphrase lies in /boot, which is not encrypted.
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
        # for UEFI, with kernels and initrds
        ESP = {
          size = "1G";
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
            type = "luks";
            name = "root";
            # for disko alone: the action puts the file there before, and takes it away again. The system has no such file,
            # and asks for the passphrase when it boots. (settings.keyFile would have it look for the file then, too)
            passwordFile = "/tmp/disk.passphrase";
            content = {
              type = "filesystem";
              format = "ext4";
              mountpoint = "/";
            };
          };
        };
      };
    };
  };

  boot.loader.grub = {
    enable = true;
    efiSupport = true;
    efiInstallAsRemovable = true;
  };
}
