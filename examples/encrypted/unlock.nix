# An SSH server in the initrd, where the passphrase is entered: ssh -p 2222 root@MACHINE, then cryptsetup-askpass.
{
  boot.initrd.network = {
    # by DHCP. A fixed address: boot.kernelParams = [ "ip=ADDRESS::GATEWAY:NETMASK::eth0:off" ]
    enable = true;
    ssh = {
      enable = true;
      # another one than the system's, so that ssh knows the two host keys apart
      port = 2222;
      # a host key of its own, which comes from a secret: it lies in /boot, where whoever holds the disk can read it
      hostKeys = [ "/etc/secrets/initrd/ssh_host_ed25519_key" ];
    };
  };
}
