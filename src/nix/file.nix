# What a Nix file holds. `request` is { file or lookup, path }: the file's absolute path, or a path as in <lookup>, and
# the attributes that will be looked up in it; a module without any is evaluated.
shapes: request:
let
  inherit (builtins) attrNames attrValues filter isAttrs isFunction;

  file = if request ? lookup then builtins.findFile builtins.nixPath request.lookup else /. + request.file;
  content = import file;
  arguments = if isFunction content then builtins.functionArgs content else { };
  needed = filter (name: !arguments.${name}) (attrNames arguments);
  value = if isFunction content then content { } else content;

  # one that cannot be evaluated is no reason not to take another
  looksLikeMachine =
    each:
    (builtins.tryEval (isAttrs each && (each ? config && (each ? options || each ? pkgs) || shapes.hasOutputs each)))
      == {
        success = true;
        value = true;
      };
  # what is neither a configuration nor what one builds, nor a set of such, can only be a part of one
  isModule =
    request.path == [ ]
    && (
      needed != [ ]
      || !(isAttrs value)
      || !(shapes.isConfiguration value || shapes.hasOutputs value || builtins.any looksLikeMachine (attrValues value))
    );

  # the same nixpkgs as `nix-build '<nixpkgs/nixos>'` would take, else the one that npins has pinned beside the file
  isFolder = builtins.pathExists (toString file + "/.");
  pins = (if isFolder then toString file else dirOf (toString file)) + "/npins";
  evalConfig =
    if builtins.getEnv "NIX_PATH" == "" && builtins.pathExists pins then
      "${(import pins).nixpkgs}/nixos/lib/eval-config.nix"
    else
      <nixpkgs/nixos/lib/eval-config.nix>;
in
if isModule then
  import evalConfig { modules = [ file ]; }
else if needed != [ ] then
  throw "${toString file} is a function that needs ${builtins.concatStringsSep ", " needed}: a module, which has no attributes to choose from"
else
  value
