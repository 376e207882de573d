package judge

import (
	"slices"
	"strings"

	"virtpki/internal/gnutls"
)

// checkLeaf is virNetTLSCertCheck for an own or a peer's certificate: times,
// basicConstraints, keyUsage, purpose, in this order.
func (r *run) checkLeaf(c *gnutls.Certificate, file string) {
	r.checkTimes(c, file, "cert")
	r.checkShape(c, file)
}

func (r *run) checkShape(c *gnutls.Certificate, file string) {
	ca, _, p := c.BasicConstraints()
	switch {
	case p == gnutls.Broken:
		r.refuse("cert-constraints-broken", file, r.reissue(), "has basic constraints that GnuTLS cannot read")
	case ca:
		r.refuse("cert-is-ca", file, r.reissue(), "is a CA certificate, not a %s certificate", r.set.Role)
	}
	r.checkLeafUsage(c, file)
	r.checkPurpose(c, file)
}

func (r *run) checkTimes(c *gnutls.Certificate, file, kind string) {
	fix := r.reissue()
	if kind == "ca" {
		fix = "remove it from the file; if it is the CA in use: virtpki ca rollover start"
	}
	if r.now.Unix() > c.NotAfter.Unix() {
		r.refuse(kind+"-expired", file, fix, "%s expired on %s", certificateText(c, kind), day(c.NotAfter))
	}
	if r.now.Unix() < c.NotBefore.Unix() {
		r.refuse(kind+"-future", file, fix+"; or set the clock", "%s is not valid before %s", certificateText(c, kind), day(c.NotBefore))
	}
}

// certificateText names a certificate among several.
func certificateText(c *gnutls.Certificate, kind string) string {
	if kind == "ca" {
		return "the CA " + nameText(c.Subject)
	}
	return "the certificate"
}

// checkLeafUsage: virsh only warns, on stderr, of an extension that is not critical.
func (r *run) checkLeafUsage(c *gnutls.Certificate, file string) {
	usage, critical, p := c.KeyUsage()
	p = usagePresence(r, c, p)
	switch {
	case p == gnutls.Absent:
		return
	case p == gnutls.Broken:
		r.refuse("cert-usage-broken", file, r.reissue(), "has a key usage that GnuTLS cannot read")
		return
	}
	if usage&gnutls.UsageDigitalSignature == 0 {
		r.usage(critical, "cert-usage-signature", file, "digital signatures")
	}
	if r.rules.KeyEncipherment && usage&gnutls.UsageKeyEncipherment == 0 {
		r.usage(critical, "cert-usage-encipherment", file, "key encipherment")
	}
}

// usagePresence: old releases treat a key usage that is too long as empty.
func usagePresence(r *run, c *gnutls.Certificate, p gnutls.Presence) gnutls.Presence {
	if p == gnutls.Broken && r.rules.LongUsageIsEmpty && c.LongUsage() {
		return gnutls.Present
	}
	return p
}

func (r *run) usage(critical bool, id, file, what string) {
	if critical {
		r.refuse(id, file, r.reissue(), "its critical key usage does not permit %s", what)
	} else if r.rules.Product == "libvirt" {
		r.say(Finding{ID: id + "-noncritical", Level: Warning, File: file, Fix: r.reissue()}, "its key usage does not permit %s; since it is not critical, %s only warns of it", what, readerOf(r))
	}
}

// checkPurpose repeats libvirt's inverted comparison: anyExtendedKeyUsage allows nothing, any
// foreign purpose allows both roles.
func (r *run) checkPurpose(c *gnutls.Certificate, file string) {
	oids, critical, p := c.Purposes()
	if p == gnutls.Broken {
		r.refuse("cert-purpose-broken", file, r.reissue(), "has an extended key usage that GnuTLS cannot read")
		return
	}
	if p == gnutls.Absent || len(oids) == 0 {
		return
	}
	want := gnutls.OIDServerAuth
	if r.set.Role == Client {
		want = gnutls.OIDClientAuth
	}
	allowed := slices.Contains(oids, want)
	for _, oid := range oids {
		foreign := oid != gnutls.OIDServerAuth && oid != gnutls.OIDClientAuth && oid != gnutls.OIDAnyPurpose
		allowed = allowed || foreign && r.rules.AnyPurposeInverted || oid == gnutls.OIDAnyPurpose && !r.rules.AnyPurposeInverted
	}
	r.purpose(allowed, critical, slices.Contains(oids, want), file, oids)
}

func (r *run) purpose(allowed, critical, proper bool, file string, oids []string) {
	id := "cert-purpose"
	if len(oids) == 1 && oids[0] == gnutls.OIDAnyPurpose {
		id = "cert-purpose-any"
	}
	switch {
	case !allowed && critical:
		r.refuse(id, file, r.reissue(), "its critical extended key usage (%s) does not allow a TLS %s", strings.Join(oids, ", "), r.set.Role)
	case !allowed && r.rules.Product == "libvirt":
		r.say(Finding{ID: id + "-noncritical", Level: Warning, File: file, Fix: r.reissue()}, "its extended key usage (%s) does not allow a TLS %s; since it is not critical, %s only warns of it", strings.Join(oids, ", "), r.set.Role, readerOf(r))
	case allowed && !proper && r.rules.AnyPurposeInverted:
		r.say(Finding{ID: "cert-purpose-foreign", Level: Note, File: file, Fix: r.reissue()}, "its extended key usage (%s) does not name a TLS %s; libvirt accepts it anyway, other programs do not", strings.Join(oids, ", "), r.set.Role)
	}
}

// checkCA is virNetTLSCertCheck for a CA.
func (r *run) checkCA(c *gnutls.Certificate, file string) {
	r.raw = c.Raw
	defer func() { r.raw = nil }()
	r.checkTimes(c, file, "ca")
	name := nameText(c.Subject)
	ca, _, p := c.BasicConstraints()
	switch {
	case p == gnutls.Broken:
		r.refuse("ca-constraints-broken", file, fixCA, "the certificate %s has basic constraints that GnuTLS cannot read", name)
	case p == gnutls.Absent:
		r.refuse("ca-no-constraints", file, fixCA, "the certificate %s has no basic constraints, which a CA must have", name)
	case !ca:
		r.refuse("ca-not-ca", file, "remove it: the file is only for CA certificates", "the certificate %s is not a CA certificate", name)
	}
	usage, critical, p := c.KeyUsage()
	p = usagePresence(r, c, p)
	switch {
	case p == gnutls.Broken:
		r.refuse("ca-usage-broken", file, fixCA, "the CA %s has a key usage that GnuTLS cannot read", name)
	case p == gnutls.Present && usage&gnutls.UsageCertSign == 0 && critical:
		r.refuse("ca-usage", file, fixCA, "the critical key usage of the CA %s does not permit signing certificates", name)
	case p == gnutls.Present && usage&gnutls.UsageCertSign == 0:
		r.say(Finding{ID: "ca-usage-noncritical", Level: Warning, File: file, Fix: fixCA}, "the key usage of the CA %s does not permit signing certificates, so the certificates that it signed are refused", name)
	}
}
