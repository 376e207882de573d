# nix-build -E 'with import <nixpkgs> {}; callPackage ./virtpki.nix {}'
{ lib, buildGoModule, fetchurl, installShellFiles, stdenv }:

buildGoModule rec {
  pname = "virtpki";
  version = "@VERSION@";

  src = fetchurl {
    url = "@HOMEPAGE@/virtpki-${version}.tar.gz";
    sha256 = "@SHA256@";
  };

  # of the modules in go.mod; go test ./packaging prints the new one after a change
  vendorHash = "sha256-M3JJtkxz0mTgllNtpY01xYwLEiAuexNU6mRHUYfuobA=";
  subPackages = [ "cmd/virtpki" ];
  env.CGO_ENABLED = 0;
  ldflags = [ "-s" "-w" ];
  tags = [ "nethttpomithttp2" ];
  doCheck = false; # the tests want root and Debian

  nativeBuildInputs = [ installShellFiles ];

  postBuild = ''
    mkdir man
    MANUAL=$PWD/man go test -count=1 -run '^TestManual$' ./cmd/virtpki
  '';

  postInstall = ''
    installManPage man/*.1
  '' + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installShellCompletion --cmd virtpki \
      --bash <($out/bin/virtpki completion bash) \
      --zsh <($out/bin/virtpki completion zsh) \
      --fish <($out/bin/virtpki completion fish)
  '';

  meta = {
    description = "TLS for libvirt, set up and kept right";
    homepage = "@HOMEPAGE@";
    license = with lib.licenses; [ asl20 mit bsd3 bsd2 ];
    mainProgram = "virtpki";
  };
}
