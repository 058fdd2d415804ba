# Applied to a flake's nixosConfigurations: tells what is built for each of the hosts that `request.names` names, by which
# one knows whether it has changed. `request.scripts` are the names of the disko script, the best first; `request.own` says
# of some hosts that they have others, and which specialArgs their modules get.
#
# All is told in traces, host by host: what was told stays known when a later host fails, or needs more memory than there is.
shapes: request: configurations:
let
  derivation = drv: if drv == null then null else { drv = drv.drvPath; out = drv.outPath; };

  withArgs =
    name: value: specialArgs:
    if specialArgs == null then
      value
    else if value ? extendModules then
      value.extendModules { inherit specialArgs; }
    else
      throw "nixosConfigurations.${name} takes no special-args: it has no extendModules";

  describe =
    name:
    let
      own = request.own.${name} or { };
      value = withArgs name configurations.${name} (own.specialArgs or null);
      config = if value ? config && shapes.hasBuild value.config then value.config else value;
      inherit (config.system) build;
    in
    if !(configurations ? ${name}) then
      { missing = true; }
    else
      {
        system = build.toplevel.system;
        toplevel = derivation build.toplevel;
        diskoScript = derivation (shapes.firstOf (own.scripts or request.scripts) build);
      };

  tell = record: builtins.trace "${request.mark}${builtins.toJSON record}";
  tellOf =
    name:
    let
      found = describe name;
    in
    tell { begins = name; } (builtins.deepSeq found (tell { inherit name found; } null));
in
builtins.foldl' (_: tellOf) null request.names
