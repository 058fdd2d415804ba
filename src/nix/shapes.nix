# How a value is known for something that can be installed.
rec {
  isDerivation = value: builtins.isAttrs value && value.type or null == "derivation";

  hasBuild =
    config:
    builtins.isAttrs config
    && config ? system
    && builtins.isAttrs config.system
    && config.system ? build
    && builtins.isAttrs config.system.build;

  # what nixosSystem and eval-config return, or already a configuration (`….config.virtualisation.vmVariant`)
  isConfiguration =
    value: builtins.isAttrs value && (value ? config && hasBuild value.config || hasBuild value);

  # what a configuration builds, without the configuration: as in config.system.build, which `pkgs.nixos` also puts on top
  outputNames = {
    system = [
      "toplevel"
      "system"
    ];
    test = [ "installTest" ];
    script = [
      "diskoScript"
      "disko"
      "diskoScriptNoDeps"
      "diskoNoDeps"
      "diskNoDeps"
      "formatScript"
      "formatScriptNoDeps"
      "mountScript"
      "mountScriptNoDeps"
    ];
  };

  # the first of these attributes that is a derivation; null without one. What stands behind it is not looked at: disko
  # complains where its older names are asked for
  firstOf =
    names: value:
    let
      name = builtins.head names;
    in
    if names == [ ] then
      null
    else if value ? ${name} && isDerivation value.${name} then
      value.${name}
    else
      firstOf (builtins.tail names) value;

  hasOutputs =
    value:
    builtins.isAttrs value
    && !isDerivation value
    && firstOf (outputNames.system ++ outputNames.test ++ outputNames.script) value != null;
}
