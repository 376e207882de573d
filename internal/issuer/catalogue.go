package issuer

import (
	"slices"

	"virtpki/internal/judge"
)

// Catalogue explains every id that a finding can have: those of the judge, and then those of a
// trial of an issuer.
func Catalogue() []judge.Entry { return slices.Concat(judge.Catalogue(), entries) }

// asPrinted is the fix of a fault that lies in the set-up of a CA.
const asPrinted = "Set the CA up as `virtpki issuer init step --print` or `virtpki issuer init vault --print` shows, and try it again with `virtpki issuer test`."

// entries explain the findings of [Issuer.Try] that the judge does not have.
var entries = []judge.Entry{
	{ID: "issuer-short-life", Stage: judge.Host, Cause: "The CA's certificates are valid for less than three days. `virtpki renew` runs daily and renews in the last third of the lifetime, so one failed run, for example while the CA is down, is one too many. step-ca signs for 24 hours by default.",
		Fix: "Give the certificates a longer lifetime: with step-ca `step ca provisioner update NAME --x509-default-dur 2160h --x509-max-dur 8760h`, with Vault `ttl=2160h` in the role, together with all its other settings."},
	{ID: "issuer-subject", Stage: judge.Host, Cause: "The certificate has another DN than the one in the request. `tls_allowed_dn_list` compares the whole DN, and `virtpki renew` refuses a certificate with another DN than the live one. Vault drops O and OU and sets those of its role.",
		Fix: "With Vault set `organization` and `ou` of the role, or write patterns that match the DN as it is; with step-ca use the template of `virtpki issuer init step --print`. Accept another DN on a host once with `virtpki renew --new-subject`."},
	{ID: "issuer-two-purposes", Stage: judge.Host, Cause: "The certificate is valid for a server and for a client. Anyone who gets a server's key could connect to other hosts as a client.",
		Fix: "Use two provisioners or two roles, one for each purpose. " + asPrinted},
	{ID: "issuer-purpose-not-critical", Stage: judge.Host, Cause: "The extended key usage is not critical. libvirt and QEMU only warn of a purpose that is not critical, so a server's certificate connects as a client.",
		Fix: "With step-ca use the template of `virtpki issuer init step --print`. Vault cannot make it critical: list the clients in `tls_allowed_dn_list`."},
	{ID: "issuer-names", Stage: judge.Host, Cause: "The server certificate lacks names or addresses of the request. Clients that connect by them refuse it. A Vault role leaves them out with `use_csr_sans=false`, and a template of step-ca without `.SANs`.",
		Fix: asPrinted},
	{ID: "issuer-chain", Stage: judge.Host, Cause: "The chain that the CA sends ends with an intermediate CA. Hosts then trust that CA itself, and a new intermediate is a new CA for them.",
		Fix: "Nothing, if that is intended. Otherwise have the CA send the chain up to its root: with Vault, import the root into the mount's issuers."},
	{ID: "issuer-no-crl", Stage: judge.Host, Cause: "No CRL comes with the certificates: the file of the issuer says `crl: none`. libvirt then admits a revoked certificate until it expires, and `virtpki revoke --issuer` refuses to run.",
		Fix: "Remove `crl: none` from the issuer's file; with step-ca also turn its CRL on, as `virtpki issuer init step --print` shows."},
	{ID: "issuer-crl-unsigned", Stage: judge.Host, Cause: "No CA certificate in the response has signed the CRL. `virtpki install` and `virtpki renew` refuse the response: libvirt would not start on it, or would not know whom the CRL revokes.",
		Fix: "Write the address of the CRL of the signing CA into the issuer's file, as `crl`."},
	{ID: "issuer-crl-stale", Stage: judge.Host, Cause: "The CRL's next update has passed. libvirt keeps using an expired CRL; other programs reject it, and it lacks the revocations since then. Vault does not make a new one by itself unless `auto_rebuild` is set.",
		Fix: "Have the CA make its CRL in time: with Vault `vault write pki/config/crl auto_rebuild=true expiry=24h`; with step-ca set `renewPeriod` of the CRL."},
}
