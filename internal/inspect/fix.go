package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/gnutls"
	"virtpki/internal/judge"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/termtext"
)

// fixer holds all facts, besides the finding, that decide how to fix a finding on this machine. The
// rules look at nothing else. See inspector.fixer.
type fixer struct {
	flags     string              // the flags with which another run works on the same files
	system    libvirt.Layout      // where this machine's files lie
	caKey     string              // where its CA's key would lie
	signs     bool                // the key is there
	issuer    machine.Issuer      // the service that signs for this machine
	via       string              // the command by which the timer asks the CA; empty for none
	folder    bool                // a directory for ?pkipath= is judged
	users     []string            // the directories of users' own files that are judged
	root      bool                // root runs virtpki
	theirs    bool                // the system's tree is root's, and the current user is not root
	areas     []Area              // all that was found
	serving   string              // the configuration file of the daemon that serves TLS here
	unread    map[string][]string // settings without a reader, by their configuration file
	qemuConf  string
	live      bool              // it is the running machine
	image     string            // the directory of another machine's files; empty for the running one
	asked     map[string]string // the use of QEMU's by its required CA file
	uses      map[string]string // the use of QEMU's by its directory
	caBroken  func() bool       // the CA's certificate and its key do not belong together
	exists    func(path string) bool
	stands    func(path string) bool // also true of a dangling link
	read      func(path string) []byte
	often     func(cert string) string              // the command that has a certificate checked often enough; empty if none is known
	leaves    func(ca string) []*gnutls.Certificate // the certificates that belong to a CA file
	caOf      func(cert string) string              // the CA file that belongs to a certificate; empty if it is not known
	keyOf     func(ca *gnutls.Certificate) bool     // the CA's key here belongs to this CA
	certError func(path string) error
	keyError  func(path string) error
	waits     func(judge.Role) bool                   // a key waits for its requested certificate
	name      func(judge.Role) string                 // of a new certificate, quoted for a shell; empty if it is not known
	renewable func(role judge.Role, cert string) bool // renew uses the names of a certificate
}

// trouble is a finding, with the affected certificate and key of this machine.
type trouble struct {
	judge.Finding
	pair *ownPair // nil for another file
}

// ownPair is a certificate and its key in the system's tree.
type ownPair struct {
	role       judge.Role
	cert, key  string
	unreadable error // why the certificate cannot be read
}

// rule is a way to fix some findings. of returns the fix, and whether the rule counts for a
// finding. If a rule counts and its fix is empty, the judge's own fix stays.
type rule struct {
	name string
	of   func(*fixer, trouble) (fix string, counts bool)
}

// rules say which finding has which fix, if the fix depends on other facts of this machine. The
// first rule that counts decides.
var rules = []rule{
	{"a CA or CRL that nothing here needs", takenOut},
	{"the CA first", caFirst},
	{"the issuer first", issuerFirst},
	{"an issuer that cannot be", badIssuer},
	{"from the CA's host", fromCA},
	{"no directory", notADirectory},
	{"no list in the CRL's place", noListThere},
	{"a further pair", numbered},
	{"a chain of QEMU's", chained},
	{"a setting of another file", moved},
	{"the timer", oftener},
	{"the CA of a directory of QEMU's", caOfQEMU},
	{"no CA", noCA},
	{"the CA's key is another's", otherCAKey},
	{"a pair of one's own", pairOfOnesOwn},
	{"half a pair in a folder", halfPairInFolder},
	{"no file in a folder", noFileInFolder},
	{"a pair of QEMU's", pairOfQEMU},
	{"a pair elsewhere", pairElsewhere},
	{"no CRL", noCRL},
	{"the CRL is broken", brokenCRL},
	{"one more name", oneMoreName},
	{"not by a new certificate", notByNewCertificate},
	{"the other half lies elsewhere", otherHalfElsewhere},
	{"a new pair by request", newPairByRequest},
	{"a new pair", newPair},
	{"the renewal that the judge names", judgesRenewal},
	{"a renewal", renewal},
}

// fix returns the command that fixes a finding on this machine, with the flags that lead to the
// same files, or the step that is necessary elsewhere.
func (x *fixer) fix(f judge.Finding) string {
	_, fix := x.ruleFor(f)
	return x.within(x.whereItSigns(f, cmp.Or(fix, f.Fix)))
}

// ruleFor returns the first rule that counts for a finding, and its fix. Without one, the judge's
// own fix counts.
func (x *fixer) ruleFor(f judge.Finding) (name, fix string) {
	t := trouble{f, x.ownPair(f.File)}
	if t.pair != nil && t.pair.unreadable == nil && t.inTheWay() {
		t.pair.unreadable = errInTheWay
	}
	for _, r := range rules {
		if fix, counts := r.of(x, t); counts {
			return r.name, fix
		}
	}
	return "", ""
}

var errInTheWay = errors.New("something stands in the place of a file")

// ownPair returns the pair of this machine's that a file belongs to.
func (x *fixer) ownPair(file string) *ownPair {
	for _, role := range []judge.Role{judge.Server, judge.Client} {
		p := &ownPair{role: role, cert: x.system.Path(libvirt.CertFile(string(role))), key: x.system.Path(libvirt.KeyFile(string(role)))}
		if file == p.cert || file == p.key {
			p.unreadable = x.certError(p.cert)
			return p
		}
	}
	return nil
}

// caFirst is about findings that a new certificate or CRL would fix, while the CA cannot sign.
func caFirst(x *fixer, t trouble) (string, bool) {
	ours := []string{x.system.Path(libvirt.CACert), x.system.Path(libvirt.CACRL), x.system.Path(libvirt.ServerCert), x.system.Path(libvirt.ClientCert)}
	counts := (strings.HasPrefix(t.ID, "issuer-") || t.ID == "crl-foreign") && t.Level != judge.Note && !x.folder &&
		slices.Contains(ours, t.File) && x.caBroken()
	return fmt.Sprintf("first restore the CA's certificate, or its key (%s)", x.caKey), counts
}

// noCA is about a missing CA certificate, or something else in its place.
func noCA(x *fixer, t trouble) (string, bool) {
	if t.ID != "no-ca" && !(t.inTheWay() && t.File == x.system.Path(libvirt.CACert)) {
		return "", false
	}
	switch use := x.asked[t.File]; {
	case use != "":
		return "virtpki bootstrap --with " + use, true
	case x.folder:
		return "copy the CA's certificate into this directory; it is /etc/pki/CA/cacert.pem on the CA's host", true
	case t.File != x.system.Path(libvirt.CACert):
		return "", true
	case x.waits(judge.Server) || x.waits(judge.Client):
		return "it comes with the response to the pending request (virtpki install)", true
	case !x.signs:
		return t.clear() + "copy it here from the CA's host; if there is none yet, virtpki bootstrap makes everything", true
	}
	return t.clear() + "copy it back from any host or bundle of this CA; its key is still here", true
}

// clear begins a step in words with making room for a file.
func (t trouble) clear() string {
	if t.inTheWay() {
		return "move what is there aside, and "
	}
	return ""
}

func otherCAKey(_ *fixer, t trouble) (string, bool) {
	return "copy the CA's certificate back from any host or bundle of this CA; if the key was replaced, restore the key from a backup", t.ID == "ca-key-mismatch"
}

// pairOfOnesOwn is about the system's client pair, which a user may not read or replace.
func pairOfOnesOwn(x *fixer, t trouble) (string, bool) {
	if x.folder || roleOf(t.File) != judge.Client {
		return "", false
	}
	return "put your own certificate and key into ~/.pki/libvirt (virtpki issue client --out, on the CA's host, makes them), or ask root to fix this",
		t.ID == "not-readable" && !x.root || x.theirs && t.pair != nil
}

func halfPairInFolder(x *fixer, t trouble) (string, bool) {
	if t.ID != "half-pair" || !x.folder {
		return "", false
	}
	return x.remade(t.Finding), true
}

// noFileInFolder is about something in the place of a file of a directory for ?pkipath=.
func noFileInFolder(x *fixer, t trouble) (string, bool) {
	if !x.folder || !t.inTheWay() {
		return "", false
	}
	folder := libvirt.Flat(filepath.Clean(filepath.Dir(t.File)))
	switch t.File {
	case folder.Path(libvirt.CACert):
		return t.clear() + "copy the CA's certificate into this directory; it is /etc/pki/CA/cacert.pem on the CA's host", true
	case folder.Path(libvirt.CACRL):
		return t.clear() + "copy the CRL from where the CA's key is; virtpki crl makes it there", true
	}
	return x.remade(t.Finding), true
}

// noCRL is about a missing CRL: it may lie beside its place.
func noCRL(x *fixer, t trouble) (string, bool) {
	if t.ID == "crl-missing" {
		fix := x.fixOf("crl-file-gone")
		return fix, fix != ""
	}
	if t.ID != "no-crl" && t.ID != "crl-file-gone" || x.exists(x.system.Path(libvirt.CACRL)) {
		return "", false
	}
	return cmp.Or(x.fixOf("crl-name"), "virtpki crl"), true
}

// brokenCRL is about the CA's list of revoked certificates: a new list would not contain them.
func brokenCRL(x *fixer, t trouble) (string, bool) {
	if t.ID == "too-large" {
		t.ID, t.Stage = "crl-too-large", judge.Own
	}
	refused := t.Level == judge.Error || t.Level == judge.Warning && slices.Contains([]string{"crl-foreign", "crl-delta", "crl-signature"}, t.ID)
	if !strings.HasPrefix(t.ID, "crl-") || !refused || t.Stage != judge.Own || t.File != x.system.Path(libvirt.CACRL) || !x.signs {
		return "", false
	}
	return fmt.Sprintf("restore it from a backup; %svirtpki %scrl makes a new one without the earlier revocations", x.aside(t.File), x.flags), true
}

// fixOf returns the judge's command for another finding; empty if there is none.
func (x *fixer) fixOf(id string) string {
	return x.fixWhere(func(f judge.Finding) bool { return f.ID == id })
}

// fixWhere returns the judge's command for the first finding of a kind.
func (x *fixer) fixWhere(is func(judge.Finding) bool) string {
	for _, a := range x.areas {
		if i := slices.IndexFunc(a.Found, is); i >= 0 {
			return a.Found[i].Fix
		}
	}
	return ""
}

// aside returns the beginning of a command that first moves the files at some paths out of the way,
// each to an unused name beside it. Nothing is ever removed.
func (x *fixer) aside(paths ...string) string {
	var moves strings.Builder
	for _, path := range paths {
		if !x.stands(path) {
			continue
		}
		fmt.Fprintf(&moves, "mv %s %s && ", termtext.ShellWord(path), termtext.ShellWord(x.free(path)))
	}
	return moves.String()
}

// free returns an unused name beside a path.
func (x *fixer) free(path string) string {
	old := path + ".old"
	for n := 2; x.stands(old); n++ {
		old = fmt.Sprintf("%s.old%d", path, n)
	}
	return old
}
