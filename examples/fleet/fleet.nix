# What the action is told of each host: inputs by their names, and tags, environment and secrets.
let
  # a machine that runs NixOS is kept up to date, and installed anew when its install-id changes
  all = {
    on-installed = "converge";
    install-id = "1";
  };
  web = all // {
    environment = "web";
    wipe-disks = [ "/dev/vda" ];
  };
in
{
  # the first one to be changed: if it fails, the others are not contacted
  web-1 = web // {
    target-host = "root@203.0.113.7";
    # ssh-keyscan -t ed25519 203.0.113.7, compared with what the provider's console shows
    known-hosts = [
      "203.0.113.7 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINeNit4or/faiDPV7oZP+UaV9L+GT8aV7WJH9oGrY32m"
    ];
    tags = [
      "web"
      "canary"
    ];
  };

  web-2 = web // {
    target-host = "root@203.0.113.8";
    known-hosts = [
      "203.0.113.8 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJwtzFTAFnHaqTwmuvH7bM9g1bozCifIvZ62D6EH8V1x"
    ];
    tags = [ "web" ];
  };

  db-1 = all // {
    target-host = "admin@203.0.113.20";
    known-hosts = [
      "203.0.113.20 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOtYuk+DedUMQdYRA6htf/vec28KNQI4xTdZXrB2RWA"
    ];
    # by serial number: the order of the disks is not that of the names below /dev
    wipe-disks = [ "S5Y1NG0R123456" ];
    # a host key of its own, which sops-nix can encrypt for before the machine is installed. It comes from a variable of the
    # step, and `secrets` says which secret of the repository that gets
    secret-files = [ "/etc/ssh/ssh_host_ed25519_key env:FLEET_SECRET_HOST_KEY" ];
    # jobs that change it wait for this environment's reviewers
    environment = "databases";
    secrets = {
      SSH_PRIVATE_KEY = "DB_SSH_KEY";
      FLEET_SECRET_HOST_KEY = "DB_1_HOST_KEY";
    };
    tags = [ "db" ];
  };
}
