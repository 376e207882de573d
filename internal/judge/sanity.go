package judge

import "slices"

// loading are the findings that come from reading a client's own files. The others come from
// libvirt's sanity check, which no_sanity=1 in a URI switches off.
var loading = []string{
	"ca-missing", "ca-unreadable", "ca-not-pem", "ca-broken",
	"cert-missing", "cert-unreadable", "cert-not-pem", "cert-broken",
	"key-missing", "key-unreadable", "key-encrypted", "key-broken", "key-type-unknown", "key-mismatch", "key-mismatch-unseen",
	"pair-missing", "pair-half", "crl-unreadable", "crl-not-pem", "crl-broken",
}

// WithoutSanity keeps the findings of [OwnFiles] that hold for a client with no_sanity=1 in its
// URI.
func WithoutSanity(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return !slices.Contains(loading, f.ID) })
}
