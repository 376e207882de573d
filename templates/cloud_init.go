package templates

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// FirstBoot describes how cloud-init makes a machine ready for libvirt over TLS. None of its
// fields is read from the calling machine.
type FirstBoot struct {
	// Name is the name of the machine, for the comments.
	Name string
	// Program is virtpki on that machine: its absolute path, or only its name.
	Program string
	// Arguments are those of `virtpki bootstrap`. If there are Files, [CloudInit] adds the
	// --bundle that names them.
	Arguments []string
	// Files are the bundle, in the flat layout: "cacert.pem" and so on. One of them may hold a
	// private key. With a Request the bundle is one file, "trust.pem", with the CA's certificate
	// and CRL.
	Files []BootFile
	// Request is for a machine that makes its own keys and has a CA sign them; otherwise nil.
	Request *BootRequest
	// URL is the address from which the machine fetches the program if it is missing. SHA256 is
	// the checksum that it must have, in hexadecimal. If both are empty the machine never fetches
	// it.
	URL, SHA256 string
	// Packages are installed by cloud-init.
	Packages []string
	// Service and Socket are the systemd units of the daemon and of its TLS port.
	Service, Socket string
	// Sysconfdir is the system's configuration directory, usually "/etc".
	Sysconfdir string
	// Retry says that a CA is reached over the network: failed steps are repeated.
	Retry bool
	// Network says that the machine's addresses must be known.
	Network bool
}

// BootRequest describes how a machine requests its certificates.
type BootRequest struct {
	// Arguments are those of `virtpki request host NAME`, and Install those of
	// `virtpki install FILE`.
	Arguments, Install []string
	// Via is a command for sh that takes the request and prints the CA's response. If it is empty,
	// the machine prints the request and waits until somebody has signed it.
	Via string
	// NotBefore is a time that every correct clock has passed. Wait is how long the machine waits
	// for its clock to pass it.
	NotBefore time.Time
	Wait      time.Duration
}

// WaitSeconds returns Wait in seconds, for the shell.
func (r *BootRequest) WaitSeconds() int64 { return int64(r.Wait / time.Second) }

// BootFile is a PEM file of a bundle.
type BootFile struct {
	Name string // without a directory
	Text string
}

// Secret reports whether a private key is among the files.
func (b FirstBoot) Secret() bool {
	for _, f := range b.Files {
		if strings.Contains(f.Text, "PRIVATE KEY-----") {
			return true
		}
	}
	return false
}

// CloudInit returns user-data for cloud-init 20.4 (Debian 11) or newer, a #cloud-config.
//
// bootcmd does all the work. It runs early in every boot, so that the next boot completes the work
// of an interrupted one. write_files and runcmd would run once for an instance, and count as done
// when they begin. write_files also opens a file to all users before it sets its mode (cloud-init,
// cloudinit/util.py), and that is not acceptable for a key. bootcmd keeps the bundle in /run and
// starts a service there. The daemon waits for this service, whenever it is started or installed.
func CloudInit(b FirstBoot) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	ready, err := execute("ready.sh.tmpl", b)
	if err != nil {
		return nil, err
	}
	boot, err := execute("cloud-init.sh.tmpl", struct {
		FirstBoot
		Script string
	}{b, string(ready)})
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{b.document(string(boot))}})
	return append([]byte(b.heading()), text...), err
}

// heading returns the comment at the top. cloud-init recognizes the kind of file by its first
// line.
func (b FirstBoot) heading() string {
	text := "#cloud-config\n# Makes " + b.Name + " ready for libvirt over TLS. Written by: virtpki generate cloud-init\n"
	if b.Secret() {
		text += "# SECRET: this holds a private key. Anyone who reads it can be " + b.Name + ".\n"
	}
	return text
}

// document returns the document that cloud-init carries out.
func (b FirstBoot) document(boot string) *yaml.Node {
	root := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, values ...*yaml.Node) {
		root.Content = append(root.Content, scalar(key), &yaml.Node{Kind: yaml.SequenceNode, Content: values})
	}
	script := scalar(boot)
	script.Style = yaml.LiteralStyle
	add("bootcmd", script)
	var packages []*yaml.Node
	for _, name := range b.Packages {
		packages = append(packages, scalar(name))
	}
	if packages != nil {
		root.Content = append(root.Content, scalar("package_update"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
		add("packages", packages...)
	}
	// The service was started long ago. This command waits for it to end, so that cloud-init
	// reports its errors.
	add("runcmd", scalar("test ! -d /run/systemd/system || systemctl start virtpki-ready.service"))
	return root
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func (b FirstBoot) check() error {
	words := append(append([]string{b.Name, b.Program, b.URL, b.Service, b.Socket, b.Sysconfdir}, b.Arguments...), b.Packages...)
	if b.Request != nil {
		words = append(append(append(words, b.Request.Arguments...), b.Request.Install...), b.Request.Via)
	}
	if err := printable(words...); err != nil {
		return err
	}
	switch {
	case b.Program == "" || strings.Contains(b.Program, "/") && !path.IsAbs(b.Program):
		return fmt.Errorf("the program %q is neither an absolute path nor a name", b.Program)
	case !isPlain(b.Service) || !isPlain(b.Socket) || !isPlain(b.Sysconfdir) || !path.IsAbs(b.Sysconfdir):
		return fmt.Errorf("no units %q and %q below %q", b.Service, b.Socket, b.Sysconfdir)
	}
	for _, f := range b.Files {
		if err := f.check(); err != nil {
			return err
		}
	}
	return b.checkFetch()
}

// check accepts only PEM. No line of PEM can be mistaken for the end of a here-document.
func (f BootFile) check() error {
	if !isPlain(f.Name) || strings.Contains(f.Name, "/") {
		return fmt.Errorf("%q is not a name for a file of a bundle", f.Name)
	}
	if !strings.HasPrefix(f.Text, "-----BEGIN ") || !strings.HasSuffix(f.Text, "-----\n") || strings.Trim(f.Text, plain+" \n") != "" {
		return fmt.Errorf("%s is not plain PEM", f.Name)
	}
	for line := range strings.Lines(f.Text) {
		if line == "END\n" {
			return fmt.Errorf("%s holds a line that would end it", f.Name)
		}
	}
	return nil
}

func (b FirstBoot) checkFetch() error {
	if b.URL == "" && b.SHA256 == "" {
		return nil
	}
	u, err := url.Parse(b.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("%q is not a URL to fetch a program from (http or https)", b.URL)
	}
	if sum, err := hex.DecodeString(b.SHA256); err != nil || len(sum) != 32 {
		return errors.New("a program that is fetched and run as root needs its SHA-256 sum, 64 hexadecimal digits")
	}
	return nil
}
