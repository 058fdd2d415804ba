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
    in
    {
      inherit system;
      toplevel = derivation build.toplevel;
      diskoScript = if request.disko == null then null else
        if build ? ${request.disko} then derivation build.${request.disko} else "missing";
      hostName = config.networking.hostName or "";
      disks = map (disk: disk.device) (attrValues (config.disko.devices.disk or { }));
      substituters = map toString (config.nix.settings.substituters or [ ]);
      trustedPublicKeys = map toString (config.nix.settings.trusted-public-keys or [ ]);
      hostKeys =
        if openssh.enable or false then
          map (key: { type = key.type; path = toString key.path; bits = toString (key.bits or ""); }) (openssh.hostKeys or [ ])
        else
          [ ];
    };
in
if !(configurations ? ${request.name}) then
  { unknown = attrNames configurations; }
else if nixos ? missing then
  { inherit (nixos) missing; }
else
  { found = describe nixos.ok; }
