# Applied to a flake's nixosConfigurations: everything that the action must know about one of them, in one evaluation.
# `request` is { name, path, disko }: the configuration, attributes below it, and which disko script is asked for.
request: configurations:
let
  inherit (builtins) attrNames attrValues foldl';

  # { ok = value; } or { missing = the attribute that is not there; }
  descend =
    found: name:
    if found ? ok && found.ok ? ${name} then
      { ok = found.ok.${name}; }
    else
      found // { missing = found.missing or name; };

  nixos = foldl' descend { ok = configurations.${request.name}; } request.path;

  describe =
    value:
    let
      # either what nixosSystem returns, or already a configuration (`….config.virtualisation.vmVariant`)
      config = value.config or value;
      build = config.system.build;
      system = value.pkgs.system or value.pkgs.stdenv.hostPlatform.system or config.nixpkgs.hostPlatform.system;
      # not outPath: Nix prints a set that has one as that path alone
      derivation = drv: { drv = drv.drvPath; out = drv.outPath; };
      openssh = config.services.openssh or { };
      initrdSsh = config.boot.initrd.network.ssh or { };
      grub = config.boot.loader.grub or { };
      # users whom sshd would let in by a key
      logins = map (user: {
        inherit (user) name;
        keys = user.openssh.authorizedKeys.keys or [ ] ++ map builtins.readFile (user.openssh.authorizedKeys.keyFiles or [ ]);
      }) (attrValues (builtins.mapAttrs (name: user: user // { inherit name; }) (config.users.users or { })));
    in
    {
      inherit system;
      toplevel = derivation build.toplevel;
      diskoScript = if request.disko == null then null else
        if build ? ${request.disko} then derivation build.${request.disko} else "missing";
      hostName = config.networking.hostName or "";
      disks = map (disk: { device = toString disk.device; destroy = disk.destroy or true; }) (
        attrValues (config.disko.devices.disk or { })
      );
      substituters = map toString (config.nix.settings.substituters or [ ]);
      trustedPublicKeys = map toString (config.nix.settings.trusted-public-keys or [ ]);
      hostKeys =
        if openssh.enable or false then
          map (key: { type = key.type; path = toString key.path; bits = toString (key.bits or ""); }) (openssh.hostKeys or [ ])
        else
          [ ];
      sshd = {
        enabled = openssh.enable or false;
        ports = openssh.ports or [ 22 ];
        rootLogin = toString (openssh.settings.PermitRootLogin or "prohibit-password");
        # keys that the configuration does not know: from a program, or an authority
        otherKeys =
          (openssh.authorizedKeysCommand or "none") != "none" || (openssh.settings.TrustedUserCAKeys or null) != null;
      };
      logins = builtins.filter (login: login.keys != [ ]) logins;
      bootLoader = {
        kind =
          if config.boot.loader.systemd-boot.enable or false then
            "systemd-boot"
          else if grub.enable or false then
            "grub"
          else
            "other";
        grubDevices = map toString (grub.devices or [ ]);
        grubEfi = grub.efiSupport or false;
        efiMountPoint = toString (config.boot.loader.efi.efiSysMountPoint or "/boot");
      };
      initrdSsh = {
        enabled = (config.boot.initrd.network.enable or false) && (initrdSsh.enable or false);
        port = initrdSsh.port or 22;
        hostKeys = map toString (initrdSsh.hostKeys or [ ]);
      };
    };
in
if !(configurations ? ${request.name}) then
  { unknown = attrNames configurations; }
else if nixos ? missing then
  { inherit (nixos) missing; }
else
  { found = describe nixos.ok; }
