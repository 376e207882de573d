package clientpack

import (
	"bytes"
	"crypto"
	"crypto/x509"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"virtpki/internal/batch"
	"virtpki/internal/libvirt"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// Kind is the system or program that a pack is for.
type Kind string

// The kinds.
const (
	Linux      Kind = "linux"
	MacOS      Kind = "macos"
	Windows    Kind = "windows"
	VirtViewer Kind = "virt-viewer"
	PKCS12     Kind = "p12"
)

// Kinds returns the names of all kinds.
func Kinds() []string {
	return []string{string(Linux), string(MacOS), string(Windows), string(VirtViewer), string(PKCS12)}
}

// ParseKind returns the kind of a name.
func ParseKind(name string) (Kind, error) {
	if !slices.Contains(Kinds(), name) {
		return "", fmt.Errorf("unknown pack %q (%s)", name, strings.Join(Kinds(), ", "))
	}
	return Kind(name), nil
}

// Client holds a client and the files for its pack.
type Client struct {
	Name string
	CAs  []*x509.Certificate
	CRL  []byte // PEM; nil if the CA has none
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Spec says which pack to make.
type Spec struct {
	Kind       Kind
	Console    *Console // of [VirtViewer]
	Passphrase []byte   // of [PKCS12]
}

//go:embed text/install.sh
var installSh []byte

//go:embed text/install.cmd
var installCmd []byte

//go:embed text/readme.tmpl
var readmeText string

// Files returns the files of a client's pack, the directory first. Only their owner may read
// them.
func (s *Spec) Files(c *Client) ([]batch.Piece, error) {
	files := []batch.Piece{{Dir: true, Mode: 0o700}}
	add := func(name string, data []byte) {
		files = append(files, batch.Piece{Path: name, Mode: 0o600, Data: data})
	}
	readme, err := s.readme(c)
	if err != nil {
		return nil, err
	}
	if s.Kind == Windows {
		readme = crlf(readme)
	}
	add("README.txt", readme)
	layout := libvirt.Flat("")
	add(layout.Path(libvirt.CACert), pki.EncodeCertificates(c.CAs...))
	if c.CRL != nil {
		add(layout.Path(libvirt.CACRL), c.CRL)
	}
	if s.Kind == PKCS12 {
		data, err := encodePKCS12(c, s.Passphrase)
		add("client.p12", data)
		return files, err
	}
	key, err := pki.EncodeKey(c.Key, nil)
	if err != nil {
		return nil, err
	}
	add(layout.Path(libvirt.ClientCert), pki.EncodeCertificates(c.Cert))
	add(layout.Path(libvirt.ClientKey), key)
	if s.Kind == Windows {
		add("install.cmd", crlf(installCmd))
	} else {
		add("install.sh", installSh)
	}
	if s.Console != nil {
		data, err := s.Console.File(c.CAs)
		if err != nil {
			return nil, err
		}
		add("console.vv", data)
	}
	return files, nil
}

// crlf ends lines as programs of Windows expect them: cmd.exe misreads labels otherwise.
func crlf(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) }

// readme returns the text that explains how to use the pack.
func (s *Spec) readme(c *Client) ([]byte, error) {
	t, err := template.New("readme").Parse(readmeText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{
		"Name": c.Name, "Kind": string(s.Kind), "DN": termtext.Line(subject.Of(c.Cert)), "Until": c.Cert.NotAfter.UTC().Format(time.DateOnly),
	})
	return b.Bytes(), err
}
