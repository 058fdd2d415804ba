# Applied to a flake's nixosConfigurations, or to what a file holds: everything that the action must know about what is
# installed, in one evaluation. `request` is { path, specialArgs, scripts, test }: the attributes that lead to it, what
# its modules get as specialArgs (or null), which disko script is asked for (names, the best first, or null), and whether
# the VM test is.
shapes: request: root:
let
  inherit (builtins) attrNames attrValues foldl' isAttrs isFunction;

  # where the path has come to: { value, pkgs, extended }, or { missing = the attribute that is not there; … }
  at =
    known: value:
    let
      called = if isFunction value then value { } else value;
      extend = request.specialArgs != null && !known.extended && isAttrs called && called ? extendModules;
      extended = if extend then called.extendModules { inherit (request) specialArgs; } else called;
    in
    {
      value = extended;
      # a variant within a configuration has none of its own
      pkgs = if isAttrs extended then extended.pkgs or known.pkgs else known.pkgs;
      extended = known.extended || extend;
      depth = known.depth + 1;
    };

  descend =
    found: name:
    if found ? missing then
      found
    else if isAttrs found.value && found.value ? ${name} then
      at found found.value.${name}
    else
      {
        missing = name;
        inherit (found) depth;
        names = if isAttrs found.value then attrNames found.value else [ ];
      };

  reached = foldl' descend (at {
    pkgs = { };
    extended = false;
    depth = -1;
  } root) request.path;

  # not outPath: Nix prints a set that has one as that path alone
  derivation = drv: if drv == null then null else { drv = drv.drvPath; out = drv.outPath; };

  # what is asked for of what a configuration builds
  wantedOf = build: {
    diskoScript =
      if request.scripts == null then null else
      let script = shapes.firstOf request.scripts build; in
      if script == null then "missing" else derivation script;
    installTest =
      if !request.test then null else
      let test = shapes.firstOf shapes.outputNames.test build; in
      if test == null then "missing" else derivation test;
  };

  describeOutputs =
    value:
    let
      inherit (shapes) outputNames;
      toplevel = shapes.firstOf outputNames.system value;
    in
    {
      outputs = wantedOf value // {
        toplevel = derivation toplevel;
        system = (if toplevel != null then toplevel else shapes.firstOf (outputNames.script ++ outputNames.test) value).system;
      };
    };

  describeConfiguration =
    { value, pkgs, ... }:
    let
      config = if value ? config && shapes.hasBuild value.config then value.config else value;
      build = config.system.build;
      # not set where the system was an argument of eval-config; without it, what builds it has to do
      host = builtins.tryEval (config.nixpkgs.hostPlatform.system or build.toplevel.system);
      system = pkgs.stdenv.hostPlatform.system or pkgs.system or (if host.success then host.value else build.toplevel.system);
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
      found = wantedOf build // {
        inherit system;
        # where it is built: a cross-compiled configuration runs on another system than that
        buildSystem = build.toplevel.system or system;
        toplevel = derivation build.toplevel;
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
if reached ? missing then
  { inherit (reached) missing depth names; }
else if request.specialArgs != null && !reached.extended then
  { cannotExtend = true; }
else if shapes.isConfiguration reached.value then
  describeConfiguration reached
else if shapes.hasOutputs reached.value then
  describeOutputs reached.value
else
  { nothing = if isAttrs reached.value then attrNames reached.value else [ ]; }
