# Applied to an output of a flake that is for deploy-rs (deploy) or colmena (colmenaHive, colmena), as `request.tool` says:
# how it reaches the hosts that `request.names` names; null: which hosts it has.
request: output:
let
  isSet = value: builtins.isAttrs value && value.type or null != "derivation";
  # empty for anything else
  setOf =
    value:
    let
      found = opened value;
    in
    if isSet found then found else { };
  listOf = value: if builtins.isList value then value else [ ];

  # what is thrown here would take all others along; as far as to what it is, and as a whole
  opened =
    value:
    let
      result = builtins.tryEval value;
    in
    if result.success then result.value else null;
  tried = value: opened (builtins.deepSeq value value);

  # what mkDefault, mkForce and the like leave
  plain = value: if isSet value && value._type or null == "override" then value.content else value;
  scalar =
    value:
    let
      found = tried (plain value);
    in
    if builtins.isString found || builtins.isInt found then found else null;

  # https://github.com/serokell/deploy-rs/blob/master/interface.json: a profile's settings go before those of its node
  deploy =
    nodes: name:
    let
      node = setOf nodes.${name};
      profile = setOf ((setOf (node.profiles or null)).system or null);
      levels = [
        profile
        node
        (setOf output)
      ];
      users = builtins.filter (user: user != null) (map (level: scalar (level.sshUser or null)) levels);
    in
    {
      host = scalar (node.hostname or null);
      user = if users == [ ] then null else builtins.head users;
      port = null;
      options = builtins.filter builtins.isString (
        builtins.concatLists (map (level: listOf (tried (level.sshOpts or [ ]))) levels)
      );
    };

  deployment = of: {
    host = of "targetHost";
    user = of "targetUser";
    port = of "targetPort";
    options = [ ];
  };

  # https://colmena.cli.rs/unstable/reference/deployment.html
  colmenaHive = nodes: name: deployment (key: scalar (nodes.${name}.config.deployment.${key} or null));

  # the modules themselves, without NixOS: what they make of its arguments cannot be told
  colmena =
    nodes: name:
    let
      modules = modulesOf name nodes.${name};
      defaults = modulesOf name (output.defaults or { });
      found =
        of: key: builtins.filter (value: value != null) (map (module: scalar (keyIn key module)) of);
      # what is imported may say something else than the defaults
      all = key: found modules key ++ (if builtins.any (module: module ? imports) modules then [ ] else found defaults key);
      first = values: if values == [ ] then null else builtins.head values;
    in
    deployment (key: first (all key));

  keyIn = key: module: (setOf ((setOf (module.config or module)).deployment or null)).${key} or null;

  # as sets, each
  modulesOf =
    name: value:
    let
      module = opened value;
    in
    if builtins.isFunction module then
      modulesOf name (module (argumentsOf name (builtins.functionArgs module)))
    else if builtins.isPath module then
      modulesOf name (import module)
    else if builtins.isList module then
      builtins.concatLists (map (modulesOf name) module)
    else
      [ (setOf module) ];

  argumentsOf =
    name: expected:
    let
      unknown = argument: throw "${argument} is only known where NixOS is evaluated";
      usual = {
        lib = null;
        pkgs = null;
        config = null;
        options = null;
        nodes = null;
        modulesPath = null;
      };
      # of those with a default it is taken
      needed = if expected == { } then usual // { inherit name; } else expected;
      names = builtins.filter (argument: needed.${argument} != true) (builtins.attrNames needed);
      value = argument: if argument == "name" then name else unknown argument;
    in
    builtins.listToAttrs (map (argument: { name = argument; value = value argument; }) names);

  tools = { inherit deploy colmenaHive colmena; };
  nodes = {
    deploy = setOf ((setOf output).nodes or null);
    colmenaHive = setOf ((setOf output).nodes or null);
    colmena = builtins.removeAttrs (setOf output) [
      "meta"
      "network"
      "defaults"
    ];
  }.${request.tool};
  isNode = name: nodes ? ${name};
in
if request.names == null then
  builtins.attrNames nodes
else
  builtins.listToAttrs (
    map (name: { inherit name; value = tools.${request.tool} nodes name; }) (builtins.filter isNode request.names)
  )
