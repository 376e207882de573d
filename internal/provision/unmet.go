package provision

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// hold notes the differences between an existing pair and the request.
func (h *Host) hold(j *change.Job, have *keypair.Pair) {
	if have.Role == pki.Server {
		h.holdNames(j, have)
		return
	}
	if name := have.Cert.Subject.CommonName; h.r.Client != "" && h.r.Client != name {
		unmet(j, "%s is for %s, not for %q: move it and its key away, then virtpki %sissue client %s --here",
			have.CertPath, subject.Of(have.Cert), h.r.Client, h.m.Flags(), termtext.ShellWord(h.r.Client))
	}
}

// holdNames notes the names that an existing server certificate does not have.
func (h *Host) holdNames(j *change.Job, server *keypair.Pair) {
	h.lacking = h.asked.Missing(server.Cert)
	if len(h.lacking) == 0 {
		if own := h.Server.Missing(server.Cert); len(own) > 0 {
			j.Note("%s does not contain %s: it was kept (virtpki %srenew %s%s)", server.CertPath, strings.Join(own, ", "), h.m.Flags(), termtext.ShellFlags("--san", own...), h.m.RenewFlag())
		}
		return
	}
	names, flags := strings.Join(h.lacking, ", "), termtext.ShellFlags("--san", h.lacking...)
	switch {
	case h.r.Update:
	case h.r.Bundle != "":
		unmet(j, "%s does not contain %s: make the bundle again with %s, where the CA's key is", server.CertPath, names, flags)
	default:
		unmet(j, "%s does not contain %s: virtpki %srenew %s%s, or --update", server.CertPath, names, h.m.Flags(), flags, h.m.RenewFlag())
	}
}

// holdCA notes that the existing CA is not the requested one.
func (h *Host) holdCA(j *change.Job, ca *x509.Certificate) {
	if h.r.CA == nil {
		return
	}
	if name := organisation(h.r.CA.RawSubject); name != "" && !isCalled(ca, name) {
		unmet(j, "the CA here is %s, not %q, and a CA keeps its name: leave out --name to use it", subject.Of(ca), name)
	}
}

// holdCAKey notes that the existing CA does not keep its key in the requested device.
func (h *Host) holdCAKey(j *change.Job, a *authority.Authority) error {
	if h.r.CA == nil || !h.r.CA.Key.Place.InDevice() {
		return nil
	}
	place, path := h.r.CA.Key.Place, a.Layout.Path(libvirt.CAKey)
	data, err := machine.ReadIfThere(h.m.Tree(), path)
	switch {
	case err != nil:
		return err
	case data == nil:
		unmet(j, "the CA's key is on another machine: leave out --key-uri and --tpm to use the CA without it")
	case !place.Holds(data):
		unmet(j, "%s: the CA has another key than %s; to replace the CA: virtpki %sca rollover start %s", path, place, h.m.Flags(), place.Flags())
	}
	return nil
}

// isCalled reports whether a CA has a name as its organisation, or as its CN, as those of other
// tools do.
func isCalled(ca *x509.Certificate, name string) bool {
	return slices.Contains(ca.Subject.Organization, name) || ca.Subject.CommonName == name
}

// organisation returns the O of an encoded subject; empty if there is none.
func organisation(raw []byte) string {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &sequence); err != nil {
		return ""
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	return strings.Join(name.Organization, "")
}

func unmet(j *change.Job, format string, args ...any) {
	j.Unmet = append(j.Unmet, termtext.Sprintf(format, args...))
}
