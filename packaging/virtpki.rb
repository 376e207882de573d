class Virtpki < Formula
  desc "TLS for libvirt, set up and kept right"
  homepage "@HOMEPAGE@"
  url "@HOMEPAGE@/virtpki-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "go" => :build

  def install
    ENV["CGO_ENABLED"] = "0"
    system "go", "build", *std_go_args(ldflags: "-s -w", tags: "nethttpomithttp2"), "./cmd/virtpki"
    (buildpath/"man").mkpath
    ENV["MANUAL"] = buildpath/"man"
    system "go", "test", "-count=1", "-run", "^TestManual$", "./cmd/virtpki"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"virtpki", "completion")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/virtpki version")
    system bin/"virtpki", "bootstrap", "--root", testpath/"root", "--name", "Example Org", "--hostname", "hv1"
    system bin/"virtpki", "list", "--root", testpath/"root"
  end
end
