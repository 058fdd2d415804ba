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
      efi = toString (config.boot.loader.efi.efiSysMountPoint or "/boot");
      entries = config.boot.loader.systemd-boot.xbootldrMountPoint or null;
      settings = openssh.settings or { };
      users = attrValues (
        builtins.mapAttrs (attribute: user: user // { name = user.name or attribute; }) (config.users.users or { })
      );
      keyFilesOf = user: user.openssh.authorizedKeys.keyFiles or [ ];
      # NixOS reads them itself, and where one is missing says so in no way that a user would understand
      missingKeyFiles = builtins.filter (file: !builtins.pathExists file) (builtins.concatMap keyFilesOf users);
      # sshd's own default is yes
      passwords =
        (settings.PasswordAuthentication or true) != false || (settings.KbdInteractiveAuthentication or true) != false;
      # only whether there is one: the value stays where it is. "!" and "*" begin a hash that nothing fits, and sshd takes
      # no empty password
      isPassword = value: value != null && value != "" && builtins.match "[!*].*" (toString value) == null;
      hasPassword =
        user:
        builtins.any (name: isPassword (user.${name} or null)) [
          "hashedPassword"
          "password"
          "initialHashedPassword"
          "initialPassword"
          "hashedPasswordFile"
        ];
      # users whom sshd may let in
      logins = map (user: {
        inherit (user) name;
        keys = user.openssh.authorizedKeys.keys or [ ] ++ map builtins.readFile (keyFilesOf user);
        password = passwords && hasPassword user;
      }) (builtins.filter (user: user.enable or true) users);
      found = {
        inherit system;
        # where it is built: a cross-compiled configuration runs on another system than that
        buildSystem = build.toplevel.system or system;
        toplevel = derivation build.toplevel;
        diskoScript = if request.disko == null then null else
          if build ? ${request.disko} then derivation build.${request.disko} else "missing";
        hostName = config.networking.hostName or "";
        disks = map (disk: { device = toString disk.device; destroy = disk.destroy or true; }) (
          attrValues (config.disko.devices.disk or { })
        );
        groups = builtins.concatMap (
          kind:
          attrValues (
            builtins.mapAttrs (attribute: group: { inherit kind; name = toString (group.name or attribute); }) (
              config.disko.devices.${kind} or { }
            )
          )
        ) [ "lvm_vg" "mdadm" "zpool" ];
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
        logins = builtins.filter (login: login.keys != [ ] || login.password) logins;
        bootLoader = {
          kind =
            if config.boot.loader.systemd-boot.enable or false then
              "systemd-boot"
            else if grub.enable or false then
              "grub"
            else
              "other";
          # mirrors have their own, and need no others
          grubDevices = map toString (
            grub.devices or [ ] ++ builtins.concatMap (boot: boot.devices or [ ]) (grub.mirroredBoots or [ ])
          );
          grubEfi = grub.efiSupport or false;
          efiMountPoint = efi;
          entriesMountPoint = if entries == null then efi else toString entries;
          # grub.nix takes the path for the EFI partition where a mirror names none
          grubBoots = map (boot: {
            path = toString boot.path;
            efi = toString (if boot.efiSysMountPoint or null == null then boot.path else boot.efiSysMountPoint);
          }) (grub.mirroredBoots or [ { path = "/boot"; efiSysMountPoint = efi; } ]);
        };
        initrdSsh = {
          enabled = (config.boot.initrd.network.enable or false) && (initrdSsh.enable or false);
          port = initrdSsh.port or 22;
          hostKeys = map toString (initrdSsh.hostKeys or [ ]);
        };
      };
    in
    if missingKeyFiles == [ ] then { inherit found; } else { missingKeyFiles = map toString missingKeyFiles; };
in
if !(configurations ? ${request.name}) then
  { unknown = attrNames configurations; }
else if nixos ? missing then
  { inherit (nixos) missing; }
else
  describe nixos.ok
