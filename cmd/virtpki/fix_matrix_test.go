package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"virtpki/internal/inspect"
	"virtpki/internal/judge"
	"virtpki/internal/lab/labvault"
)

// spoiled is a way in which a file cannot be used: a shell command that gets the file as $1.
type spoiled struct{ name, sh string }

// anyFile spoils each file, keyFile a private key, certFile a certificate with its key.
var (
	anyFile = []spoiled{
		{"missing", `rm "$1"`},
		{"empty", `: >"$1"`},
		{"cut", `again "$1" head -c 150`},
		{"DER", `again "$1" openssl $(kind "$1") -outform DER`},
		{"too large", `truncate -s 1G "$1"`},
		{"directory", `rm "$1" && mkdir "$1"`},
		{"pipe", `rm "$1" && mkfifo "$1"`},
		{"dangling", `rm "$1" && ln -s nowhere "$1"`},
		{"link", `mv "$1" "$1".real && ln -s "${1##*/}.real" "$1"`},
		{"loop", `rm "$1" && ln -s "${1##*/}" "$1"`},
		{"link to a directory", `rm "$1" && ln -s . "$1"`},
		{"owner", `chown 12345:12345 "$1"`},
		{"closed", `chmod 0 "$1"`},
		{"open", `chmod 0666 "$1"`},
		{"misnamed", `mv "$1" "${1%.pem}.crt"`},
	}
	keyFile = []spoiled{
		{"encrypted", `again "$1" openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:x`},
		{"encrypted in the old way", `again "$1" openssl ec -aes128 -passout pass:x`},
		{"ML-DSA", `cat mldsa.key >"$1"`},
		{"secp256k1", `openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:secp256k1 >"$1"`},
		{"Ed448", `openssl genpkey -algorithm ed448 >"$1"`},
		{"TPM", `again "$1" sed s/PRIVATE/TSS2\ PRIVATE/`},
		{"another's", `openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:prime256v1 >"$1"`},
		{"parameters alone", `openssl ecparam -name prime256v1 >"$1"`},
	}
	certFile = []spoiled{
		{"another CA's", `pair "$1" evil ec -pkeyopt ec_paramgen_curve:prime256v1`},
		{"for a curve of Bitcoin's", `pair "$1" ca ec -pkeyopt ec_paramgen_curve:secp256k1`},
		{"with a key that Go does not read", `pair "$1" ca ed448`},
	}
)

// matrixFunctions are the shell functions of the commands above.
const matrixFunctions = `set -e
kind() { case $1 in *crl.pem) echo crl ;; *key.pem) echo pkey ;; *) echo x509 ;; esac; }
again() { file=$1; shift; "$@" <"$file" >new 2>/dev/null; cat new >"$file"; rm new; }
pair() { # CERTIFICATE CA ALGORITHM...
	cert=$1 key=$(echo "$1" | sed 's,libvirt/\(.*\)cert,libvirt/private/\1key,; s,-cert,-key,') by=$2; shift 2
	case $cert in *server*) use=serverAuth ;; *) use=clientAuth ;; esac
	printf 'extendedKeyUsage=critical,%s\nsubjectAltName=DNS:%s\n' $use "$(sed s/.*CN=// subject)" >ext
	openssl genpkey -algorithm "$@" >"$key"
	openssl req -new -key "$key" -subj "$(cat subject)" >csr
	openssl x509 -req -in csr -CA $by/etc/pki/CA/cacert.pem -CAkey $by/etc/pki/CA/private/cakey.pem -set_serial 77 -days 3000 -extfile ext 2>/dev/null >"$cert"
	rm csr ext
}
`

// matrixHosts makes the hosts of each situation, once. virtpki is the host with the CA's key in ssh.
const matrixHosts = `umask 022
mkdir bin; cat >bin/ssh <<'X'
#!/bin/sh
shift
virtpki() { command virtpki --root ca "$@"; }
cat() { command cat "ca$1"; }
eval "$*"
X
chmod 755 bin/ssh
cat >mldsa.key <<'X'
-----BEGIN PRIVATE KEY-----
MDQCAQAwCwYJYIZIAWUDBAMRBCKAIBQFnHu1YyvYlReRSlvW8YmGu/CXaSAmrr7Y
hmJLCIOc
-----END PRIVATE KEY-----
X
accounts() {
	mkdir -p $1/etc; echo $2 >$1/etc/hostname
	printf 'root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:994::/:/usr/sbin/nologin\n' >$1/etc/passwd
	printf 'root:x:0:\nkvm:x:994:\nlibvirt-qemu:x:64055:libvirt-qemu\n' >$1/etc/group
}
virtpki ca init --root evil --name Evil -q
accounts here hv1.lab.example
virtpki bootstrap --root here --name 'Example Org' --hostname hv1.lab.example --with qemu -q; rm -r here/etc/libvirt
cp -a here ca
virtpki issue host h2.lab.example --root ca --with qemu --out b -q; cp -a b/h2.lab.example elsewhere
accounts elsewhere h2.lab.example
chown -R root:64055 elsewhere/etc/pki/qemu; chmod 0640 elsewhere/etc/pki/qemu/*key.pem
virtpki issue client alice --root ca --out b --layout pkipath -q; cp -a b/alice folder
`

// matrixIssuer makes a host with a Vault as its issuer, which lives today.
const matrixIssuer = `umask 022
accounts issuer hv1.lab.example; mkdir issuer/etc/virtpki; umask 077; cp vault.pem token issuer/etc/virtpki; cat >issuer/etc/virtpki/issuer.yaml <<X
issuer: vault
url: $VAULT
mount: pki
ca-file: $WORK/vault.pem
proxy: none
timeout: 5s
attempts: 1
server: {role: libvirt-server}
client: {role: libvirt-client}
token: {file: $WORK/token}
X
umask 022
virtpki bootstrap --issuer issuer/etc/virtpki/issuer.yaml --root issuer --hostname hv1.lab.example --with qemu -q; rm -r issuer/etc/libvirt
sed -i "s,$WORK/,$WORK/try/etc/virtpki/," issuer/etc/virtpki/issuer.yaml
`

// matrix types fixes in a directory of its own.
type matrix struct {
	*testing.T
	dir, host, now string // host is a directory below dir
	args           string // of check
	env            []string
	sound          []inspect.Placed // the findings of the host as it was made
	typed          map[string]bool  // the findings and fixes that were met, unless each is to be typed
}

func (m *matrix) sh(script string) (string, error) {
	c := exec.Command("sh", "-c", script)
	c.Dir, c.Env = m.dir, append(os.Environ(), m.env...)
	c.Env = append(c.Env, "HOST=hv1", "NOW="+m.now, "WORK="+m.dir, "PATH="+filepath.Join(m.dir, "bin")+":"+os.Getenv("PATH"))
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := c.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return out.String(), err
}

func (m *matrix) must(script string) {
	m.Helper()
	if _, err := m.sh(matrixFunctions + script); err != nil {
		m.Fatalf("%s: %v", script, err)
	}
}

func (m *matrix) check() []inspect.Placed {
	m.Helper()
	out, err := m.sh("virtpki check --json " + m.args)
	var report inspect.Result
	if jsonErr := json.Unmarshal([]byte(out), &report); jsonErr != nil {
		m.Fatalf("%v, %v", err, jsonErr)
	}
	if err := untyped(report.Findings); err != nil {
		m.Error(err)
	}
	return report.Findings
}

// keys returns the private keys of the host, by their hash.
func (m *matrix) keys() map[[sha256.Size]byte]string {
	keys := make(map[[sha256.Size]byte]string)
	err := filepath.WalkDir(filepath.Join(m.dir, "try"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Size() > 1<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			keys[sha256.Sum256(data)] = path
		}
		return err
	})
	if err != nil {
		m.Fatal(err)
	}
	return keys
}

// spoil makes the host again, and spoils one of its files.
func (m *matrix) spoil(file string, how spoiled) {
	m.Helper()
	m.must("rm -rf try; cp -a " + m.host + " try; set -- " + filepath.Join("try", file) + "\n" + how.sh)
}

// fixes spoils a file, and types each fix that check then prints.
func (m *matrix) fixes(file string, how spoiled) {
	m.spoil(file, how)
	for i, found := range m.check() {
		what := fmt.Sprintf("%s %s, %s: %s %s", file, how.name, found.Level, found.ID, found.File)
		key := strings.Join([]string{string(found.Level), found.ID, found.File, found.Fix}, "\n")
		switch {
		case found.Fix == "" && found.Level == judge.Error:
			m.Errorf("%s: nothing fixes it", what)
		case found.Fix == "" || m.typed[key]:
		case !judge.IsCommand(found.Fix):
			if strings.HasPrefix(found.Fix, "openssl") || strings.HasPrefix(found.Fix, "virtpki") {
				m.Errorf("%s: looks like a command: %s", what, found.Fix)
			}
		default:
			if i > 0 {
				m.spoil(file, how)
			}
			m.typed[key] = os.Getenv("VIRTPKI_FIXES") == ""
			m.fix(what, found)
		}
	}
}

// spoiled returns the findings that the host did not have when it was made, with these or other
// files: nothing fixes the limits of a Vault.
func (m *matrix) spoiled(found []inspect.Placed) []inspect.Placed {
	return slices.DeleteFunc(slices.Clone(found), func(f inspect.Placed) bool {
		return slices.ContainsFunc(m.sound, func(s inspect.Placed) bool { return s.ID == f.ID })
	})
}

// fix types one fix: afterwards less is found, nothing new, and no private key is gone, but for the
// one that a renewal replaces.
func (m *matrix) fix(what string, found inspect.Placed) {
	before, keys := m.check(), m.keys()
	if _, err := m.sh("set -e\n" + found.Fix); err != nil {
		m.Errorf("%s: %s\n%v", what, found.Fix, err)
		return
	}
	left := m.check()
	if slices.ContainsFunc(left, func(f inspect.Placed) bool {
		return f.ID == found.ID && f.File == found.File && f.Text == found.Text
	}) || len(m.spoiled(left)) >= len(m.spoiled(before)) {
		m.Errorf("%s: is there still, or as much is, after: %s\n%v", what, found.Fix, left)
	}
	for _, f := range m.spoiled(left) {
		if !slices.ContainsFunc(before, func(b inspect.Placed) bool { return b.ID == f.ID && b.File == f.File }) {
			m.Errorf("%s: %s of %s is new after: %s", what, f.ID, f.File, found.Fix)
		}
	}
	after := m.keys()
	for sum, path := range keys {
		if after[sum] == "" && !strings.HasPrefix(found.Fix, "virtpki ") {
			m.Errorf("%s: %s is gone after: %s", what, path, found.Fix)
		}
	}
}

// TestFixMatrix spoils each file of a host in many ways, where the CA's key is, where it is
// elsewhere, where a service signs, and in a directory for ?pkipath=; and types each fix that check
// prints, once. An ordinary run tries a third of the ways with each file. VIRTPKI_FIXES is a regular
// expression of files and ways, such as "key.pem ML-DSA": then each of their fixes is typed, met or
// not; "." does everything.
func TestFixMatrix(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the system's files are root's")
	}
	tree := []string{"CA/cacert.pem", "CA/cacrl.pem", "libvirt/servercert.pem", "libvirt/private/serverkey.pem", "libvirt/clientcert.pem", "libvirt/private/clientkey.pem",
		"qemu/ca-cert.pem", "qemu/server-cert.pem", "qemu/server-key.pem", "qemu/client-key.pem"}
	for i := range tree {
		tree[i] = "etc/pki/" + tree[i]
	}
	only := regexp.MustCompile(os.Getenv("VIRTPKI_FIXES"))
	const then = "2027-01-01T12:00:00Z"
	for s, at := range []struct {
		host, now, args, subject string
		files                    []string
	}{
		{"here", then, "--root try", "/O=Example Org/CN=hv1.lab.example", tree},
		{"elsewhere", then, "--root try", "/O=Example Org/CN=h2.lab.example", tree},
		{"issuer", "", "--root try", "/CN=hv1.lab.example", tree},
		{"folder", then, "--pkipath try", "/O=Example Org/CN=alice", []string{"cacert.pem", "cacrl.pem", "clientcert.pem", "clientkey.pem"}},
	} {
		t.Run(at.host, func(t *testing.T) {
			t.Parallel()
			m := &matrix{T: t, dir: t.TempDir(), host: at.host, now: then, args: at.args, typed: make(map[string]bool)}
			m.must(matrixHosts)
			if m.now = at.now; at.host == "issuer" {
				m.startIssuer()
			}
			m.must("cp -a " + at.host + " try; echo '" + at.subject + "' >subject")
			m.sound = m.check()
			for i, file := range at.files {
				if _, err := os.Lstat(filepath.Join(m.dir, at.host, file)); err != nil {
					continue // such a host has none
				}
				ways := anyFile
				switch {
				case strings.HasSuffix(file, "key.pem"):
					ways = slices.Concat(ways, keyFile)
				case !strings.Contains(file, "/ca") && !strings.HasPrefix(file, "ca"):
					ways = slices.Concat(ways, certFile)
				}
				for j, how := range ways {
					skipped := only.String() == "" && (s+i+j)%3 != 0
					if !skipped && only.MatchString(file+" "+how.name) {
						m.fixes(file, how)
					}
				}
			}
		})
	}
}

// startIssuer makes the host that asks a Vault.
func (m *matrix) startIssuer() {
	vault := labvault.Start(m.T)
	m.env = append(m.env, "VAULT="+vault.URL)
	for name, data := range map[string][]byte{"vault.pem": vault.Cert, "token": []byte(labvault.Token + "\n")} {
		if err := os.WriteFile(filepath.Join(m.dir, name), data, 0o600); err != nil {
			m.Fatal(err)
		}
	}
	accounts := matrixHosts[strings.Index(matrixHosts, "accounts()"):strings.Index(matrixHosts, "virtpki ca init")]
	m.must(accounts + matrixIssuer)
}
