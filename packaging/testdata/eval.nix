# What Nix makes of a recipe, with stand-ins for the parts of nixpkgs that it uses.
recipe:
let
  made = import recipe {
    lib = {
      optionalString = condition: text: if condition then text else "";
      licenses = { asl20 = "Apache-2.0"; mit = "MIT"; bsd3 = "BSD-3-Clause"; bsd2 = "BSD-2-Clause"; };
    };
    buildGoModule = attributes: attributes;
    fetchurl = attributes: attributes.url;
    installShellFiles = "installShellFiles";
    stdenv = { buildPlatform.canExecute = platform: true; hostPlatform = { }; };
  };
in
made.src + " " + toString made.tags + " " + toString made.meta.license + " " + made.postBuild + made.postInstall
