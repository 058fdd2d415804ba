# Applied to a flake's nixosConfigurations: what is built for each of the hosts that `request.names` names, by which one
# tells whether it has changed. `request.scripts` are the names of the disko script, the best first; `request.own` says
# of some hosts that they have others, and which specialArgs their modules get. With `request.uncaught` the error of a host
# is that of the evaluation.
shapes: request: configurations:
let
  derivation = drv: if drv == null then null else { drv = drv.drvPath; out = drv.outPath; };

  describe =
    name:
    let
      own = request.own.${name} or { };
      specialArgs = own.specialArgs or null;
      found' = configurations.${name};
      value =
        if specialArgs == null then
          found'
        else if found' ? extendModules then
          found'.extendModules { inherit specialArgs; }
        else
          throw "nixosConfigurations.${name} takes no special-args: it has no extendModules";
      config = if value ? config && shapes.hasBuild value.config then value.config else value;
      inherit (config.system) build;
      found = {
        system = build.toplevel.system;
        toplevel = derivation build.toplevel;
        diskoScript = derivation (shapes.firstOf (own.scripts or request.scripts) build);
      };
      # what is thrown here would take all others along; only another evaluation tells what it was
      whole = builtins.deepSeq found found;
      tried = builtins.tryEval whole;
    in
    if !(configurations ? ${name}) then { missing = true; } else if request.uncaught then whole else if tried.success then tried.value else { failed = true; };
in
builtins.listToAttrs (map (name: { inherit name; value = describe name; }) request.names)
