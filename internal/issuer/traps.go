package issuer

import (
	"fmt"
	"slices"
	"time"

	"virtpki/internal/judge"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// shortLife is the lifetime below which a daily run of renew may come too late if one run
// fails: renew acts only in the last third of the lifetime.
const shortLife = 3 * 24 * time.Hour

// traps returns findings about certificates that libvirt accepts but that cause trouble later.
func (i *Issuer) traps(one tried, answer *pki.Answer) (found []judge.Finding) {
	say := func(id string, level judge.Level, fix, format string, args ...any) {
		found = append(found, judge.Finding{
			ID: id, Level: level, Stage: judge.Host, File: string(one.role) + " certificate", Fix: fix, Text: fmt.Sprintf(format, args...),
		})
	}
	if life := one.cert.NotAfter.Sub(one.cert.NotBefore); life < shortLife {
		say("issuer-short-life", judge.Warning, i.fixLife(one.role), "its lifetime is %s: if a daily renewal fails once, it expires", pki.FormatValidity(life.Round(time.Hour)))
	}
	if asked, got := subject.OfRequest(one.csr), subject.Of(one.cert); asked != got {
		say("issuer-subject", judge.Warning, i.fixSubject(one.role), "its DN is %s, and the request has %s: tls_allowed_dn_list and renewals compare the DN", got, asked)
	}
	if roles := pki.RolesOf(one.cert); len(roles) > 1 {
		say("issuer-two-purposes", judge.Warning, i.fixRole(one.role), "it is valid for a server and for a client: anyone with its key can act as either")
	} else if !judge.BindsRole(one.set("", answer).Cert) {
		say("issuer-purpose-not-critical", judge.Warning, i.fixPurpose(one.role), "its purpose is not critical, so libvirt only warns: a server's certificate can connect as a client")
	}
	names := subject.Names{DNS: one.csr.DNSNames, IPs: one.csr.IPAddresses}
	if lacking := names.Lacking(one.cert); one.role == pki.Server && lacking != "" {
		say("issuer-names", judge.Error, i.fixRole(one.role), "it lacks %s, which clients use for this host", lacking)
	}
	if top := topOf(one.cert, answer.CAs); top != nil && !isRoot(top) {
		say("issuer-chain", judge.Note, "", "its chain ends with %s, which is not a root: hosts trust that intermediate CA itself", subject.Of(top))
	}
	return found
}

// crlTraps returns findings about the CRL.
func (i *Issuer) crlTraps(answer *pki.Answer) (found []judge.Finding) {
	say := func(id string, level judge.Level, fix, format string, args ...any) {
		found = append(found, judge.Finding{ID: id, Level: level, Stage: judge.Host, File: "CRL", Fix: fix, Text: fmt.Sprintf(format, args...)})
	}
	if len(answer.CRLs) == 0 {
		say("issuer-no-crl", judge.Warning, `remove "crl: none" from the issuer's file`, "there is none: a revoked certificate is accepted until it expires")
		return found
	}
	for _, crl := range answer.CRLs {
		signed := false
		for _, ca := range answer.CAs {
			signed = signed || crl.CheckSignatureFrom(ca) == nil
		}
		if !signed {
			say("issuer-crl-unsigned", judge.Error, "write the address of the CA's own CRL into the issuer's file, as crl", "none of the CA certificates has signed it, so hosts refuse the response")
		}
		if !crl.NextUpdate.IsZero() && crl.NextUpdate.Before(i.now()) {
			say("issuer-crl-stale", judge.Warning, "make the CA renew its CRL in time", "it was fresh until %s", crl.NextUpdate.UTC().Format(time.RFC3339))
		}
	}
	return found
}

func (i *Issuer) fixLife(role pki.Role) string {
	if i.Kind == Vault {
		return i.fixRole(role) + " with ttl=2160h and all its other settings, since Vault resets each flag that is not given"
	}
	return fmt.Sprintf("step ca provisioner update %s --x509-default-dur 2160h --x509-max-dur 8760h", termtext.ShellWord(i.Profile(role).name("")))
}

func (i *Issuer) fixSubject(role pki.Role) string {
	if i.Kind == Vault {
		return fmt.Sprintf("Vault drops O and OU: set organization and ou of role %s, if lists of DNs name them", i.Profile(role).name(""))
	}
	return i.fixRole(role)
}

func (i *Issuer) fixPurpose(role pki.Role) string {
	if i.Kind == Vault {
		return "Vault's roles cannot make it critical: admit clients by tls_allowed_dn_list"
	}
	return i.fixRole(role)
}

// Refused reports whether an error is among the findings.
func (t *Trial) Refused() bool {
	return slices.ContainsFunc(t.Findings, func(f judge.Finding) bool { return f.Level == judge.Error })
}
