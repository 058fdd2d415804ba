# Applied to a flake's nixosConfigurations: what is built for each of the hosts that `request.names` names, by which one
# tells whether it has changed. `request.scripts` are the names of the disko script, the best first.
shapes: request: configurations:
let
  derivation = drv: if drv == null then null else { drv = drv.drvPath; out = drv.outPath; };

  describe =
    name:
    let
      value = configurations.${name};
      config = if value ? config && shapes.hasBuild value.config then value.config else value;
      inherit (config.system) build;
      found = {
        system = build.toplevel.system;
        toplevel = derivation build.toplevel;
        diskoScript = derivation (shapes.firstOf request.scripts build);
      };
      # what is thrown here would take all others along; only another evaluation tells what it was
      tried = builtins.tryEval (builtins.deepSeq found found);
    in
    if !(configurations ? ${name}) then { missing = true; } else if tried.success then tried.value else { failed = true; };
in
builtins.listToAttrs (map (name: { inherit name; value = describe name; }) request.names)
