package generate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"virtpki/internal/allowlist"
	"virtpki/internal/authority"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
	"virtpki/templates"
)

// FirstBoot says how machines become hosts when they boot for the first time: with a bundle, by
// asking the CA here, or with a CA of their own. The values are as typed, and already checked.
type FirstBoot struct {
	Bundle       string // directory with the bundle of each machine; empty for none
	Organisation string // of a CA of the machine's own; empty for none
	Request      bool   // the machine makes its keys, and asks the CA here
	Via          string // command that receives its request; empty for none
	Issuer       string // file of an issuer on the machine, which it asks; empty for none

	Client        string // name in the client certificate; empty for the machine's
	SANs          []string
	OnlySANs      bool
	KeyType       string
	Validity      string
	Release       string
	ClientKeyMode string

	Daemon libvirt.Daemon
	Allow  []string // patterns of DNs; nil for no list
	Force  bool     // even if the list locks out the machine's own client

	Binary    string // virtpki on the machine; empty to find it in its PATH
	URL       string // where to download it; empty for nowhere
	SHA256    string // of the downloaded program
	Packages  []string
	WaitClock string
	Out       string // directory for the files
}

// Check returns an error if a request for some machines is invalid, before anything is read.
// bootstrap would refuse it too, but only after a machine has booted.
func (o *FirstBoot) Check(names []string) error {
	if err := checkHosts(names); err != nil {
		return err
	}
	switch {
	case len(names) > 1 && o.Out == "":
		return errors.New("several names need --out: each gets a file of its own")
	case o.Bundle != "" && len(o.SANs) > 0:
		return errors.New("--san needs certificates that the machine makes or requests; issue made those of a bundle")
	case o.Organisation == "" && o.Issuer == "" && o.Client != "":
		return errors.New("--client needs --name or --issuer: a machine that makes its certificates, or asks an issuer for them")
	case !o.Request && o.Via != "":
		return errors.New("--via needs --request")
	case o.Issuer != "" && (o.Release != "any" || o.Validity != pki.FormatValidity(pki.DefaultLeafValidity)):
		return errors.New("--validity and --for do not go with --issuer: the issuer decides both")
	case o.Issuer != "" && !filepath.IsAbs(o.Issuer):
		return errors.New("--issuer is a file of the machine that boots: give its absolute path")
	}
	return o.checkValues()
}

func (o *FirstBoot) checkValues() error {
	if _, err := pki.ParseValidity(o.WaitClock); err != nil {
		return err
	}
	if o.Client != "" {
		if err := subject.CheckClient(o.Client); err != nil {
			return err
		}
	}
	if o.Bundle == "" && !o.Request && o.Issuer == "" {
		if err := subject.CheckText("organisation", o.Organisation); err != nil {
			return err
		}
	}
	var names subject.Names
	for _, san := range o.SANs {
		if err := names.Add(san); err != nil {
			return err
		}
	}
	return allowlist.Check(o.Allow, o.Force)
}

// UserData returns the user-data of some machines, one file each.
func (o *FirstBoot) UserData(m *machine.Machine, names []string) ([]File, error) {
	var files []File
	for _, name := range names {
		boot, err := o.of(m, name)
		if err != nil {
			return nil, err
		}
		text, err := templates.CloudInit(boot)
		if err != nil {
			return nil, hint.Usage(err)
		}
		files = append(files, File{Name: name + ".yaml", Text: string(text), Path: filepath.Join(o.Out, name+".yaml"), Mode: bootMode(boot)})
	}
	return files, nil
}

// of returns the values for one machine.
func (o *FirstBoot) of(m *machine.Machine, name string) (templates.FirstBoot, error) {
	boot := templates.FirstBoot{
		Name: name, Program: o.Binary, URL: o.URL, SHA256: strings.ToLower(o.SHA256), Packages: o.Packages,
		Service: o.Daemon.Service, Socket: o.Daemon.TLSSocket, Sysconfdir: m.Sysconfdir,
		Arguments: o.arguments(m, name),
		Network:   o.Bundle == "" || o.URL != "",
	}
	if boot.Program == "" {
		boot.Program = "virtpki"
	}
	var err error
	switch {
	case o.Request:
		err = o.request(m, &boot)
	case o.Issuer != "":
		boot.Retry = true
		err = o.locksOut(&x509.Certificate{}, name)
	case o.Organisation != "":
		ca := &x509.Certificate{Subject: pkix.Name{Organization: []string{o.Organisation}}}
		err = o.locksOut(ca, name)
	default:
		err = o.bundle(m, &boot)
	}
	return boot, err
}

// bundle gives a machine its bundle.
func (o *FirstBoot) bundle(m *machine.Machine, boot *templates.FirstBoot) error {
	b, err := provision.LoadBundle(m, filepath.Join(o.Bundle, boot.Name))
	if err != nil {
		return err
	}
	if b.Server.Cert.VerifyHostname(boot.Name) != nil {
		return fmt.Errorf("%s does not contain %s", b.Server.CertPath, boot.Name)
	}
	if b.Client.Cert != nil && !o.Force {
		if err := allowlist.LockedOut(o.Allow, subject.Of(b.Client.Cert)); err != nil {
			return err
		}
	}
	boot.Files, err = bootFiles(b)
	return err
}

// request makes a machine ask the CA here.
func (o *FirstBoot) request(m *machine.Machine, boot *templates.FirstBoot) error {
	a, err := authority.Open(m)
	if err != nil {
		return err
	}
	wait, err := pki.ParseValidity(o.WaitClock)
	if err != nil {
		return hint.Usage(err)
	}
	common := flagArgs("sysconfdir", machine.DefaultSysconfdir(), m.Sysconfdir)
	r := &templates.BootRequest{Via: o.Via, Wait: wait}
	r.Arguments = slices.Concat(common, flagArgs("san", "", o.SANs...), flagArgs("key-type", string(pki.DefaultKeyType), o.KeyType))
	r.Install = slices.Concat(common, flagArgs("client-key-mode", "0600", o.ClientKeyMode))
	boot.Request, boot.Retry = r, o.Via != ""
	trust, made, err := a.TrustText()
	if err != nil {
		return err
	}
	r.NotBefore, boot.Files = made, []templates.BootFile{{Name: "trust.pem", Text: string(trust)}}
	return o.locksOut(a.CA.Certificate, boot.Name)
}

// locksOut returns an error for a list that bootstrap would refuse at boot, where nobody sees the
// error: the list refuses the client that this CA will sign.
func (o *FirstBoot) locksOut(ca *x509.Certificate, name string) error {
	if o.Client != "" {
		name = o.Client
	}
	raw, err := subject.ForLeaf(ca, name)
	if err != nil || o.Force {
		return hint.Usage(err)
	}
	return allowlist.LockedOut(o.Allow, subject.Text(raw))
}

// arguments returns the arguments of bootstrap. It leaves out settings of a certificate that is
// signed elsewhere.
func (o *FirstBoot) arguments(m *machine.Machine, name string) []string {
	args := []string{"--no-reload", "--wait-clock=" + o.WaitClock, "--hostname=" + name}
	add := func(flag, otherwise string, values ...string) {
		args = append(args, flagArgs(flag, otherwise, values...)...)
	}
	add("sysconfdir", machine.DefaultSysconfdir(), m.Sysconfdir)
	if o.Organisation != "" || o.Issuer != "" {
		add("ca", "", m.CADir)
		add("name", "", o.Organisation)
		add("issuer", "", o.Issuer)
		add("client", "", o.Client)
		add("san", "", o.SANs...)
		if o.OnlySANs {
			args = append(args, "--only-san")
		}
		add("key-type", string(pki.DefaultKeyType), o.KeyType)
		add("validity", pki.FormatValidity(pki.DefaultLeafValidity), o.Validity)
		add("for", "any", o.Release)
	}
	add("client-key-mode", "0600", o.ClientKeyMode)
	add("daemon", "", o.Daemon.Name) // the machine itself might choose another daemon than the one that the other commands here start
	add("allow-dn", "", o.Allow...)
	if o.Force {
		args = append(args, "--force")
	}
	return args
}

// bootFiles returns the files of a bundle, encoded again so that they contain nothing but PEM.
func bootFiles(b *provision.Bundle) ([]templates.BootFile, error) {
	flat := libvirt.Flat("")
	files := []templates.BootFile{{Name: flat.Path(libvirt.CACert), Text: string(pki.EncodeCertificates(b.CA.Certificates...))}}
	if b.CA.CRL != nil {
		crls, err := pki.ParseCRLs(b.CA.CRL)
		if err != nil {
			return nil, err
		}
		files = append(files, templates.BootFile{Name: flat.Path(libvirt.CACRL), Text: string(pki.EncodeCRL(crls...))})
	}
	for _, p := range []*keypair.Pair{b.Server, b.Client} {
		if p.Cert == nil {
			continue
		}
		key, err := pki.EncodeKey(p.Key, nil)
		if err != nil {
			return nil, err
		}
		role := string(p.Role)
		files = append(files,
			templates.BootFile{Name: flat.Path(libvirt.KeyFile(role)), Text: string(key)},
			templates.BootFile{Name: flat.Path(libvirt.CertFile(role)), Text: string(pki.EncodeCertificates(p.Cert))})
	}
	return files, nil
}

// Signing returns the command for authorized_keys of the CA that grants a machine its own
// names and nothing else.
func (o *FirstBoot) Signing(name string) string {
	words := []string{"virtpki", "sign", "-", "--yes", "--reuse", "--leave-out", "--role", "host"}
	for _, granted := range append([]string{name}, o.SANs...) {
		words = append(words, "--exact-name", termtext.ShellWord(granted))
	}
	return strings.Join(words, " ")
}

// secretMode is the mode of user-data that contains a private key.
const secretMode fs.FileMode = 0o600

// bootMode returns the mode of user-data.
func bootMode(boot templates.FirstBoot) fs.FileMode {
	if boot.Secret() {
		return secretMode
	}
	return fileMode
}

// maxUserData is the smallest limit of a cloud: Amazon's EC2, in bytes.
const maxUserData = 16 << 10

// WarnUserData returns warnings about the contents of user-data.
func WarnUserData(files []File) (warnings []string) {
	if slices.ContainsFunc(files, func(file File) bool { return file.Mode == secretMode }) {
		warnings = append(warnings, "this user-data contains a private key and is a secret: keep it out of logs, state files and repositories (--request makes a form without one)")
	}
	for _, file := range files {
		if len(file.Text) > maxUserData {
			warnings = append(warnings, termtext.Sprintf("%s has %d bytes; some clouds take %d at most (EC keys are smaller)", file.Name, len(file.Text), maxUserData))
		}
	}
	return warnings
}
