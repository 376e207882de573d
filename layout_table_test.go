package virtpki_test

// mayImport lists which of the module's packages each may import. A package that is not in the
// table may import none and makes the test fail: each new package needs a decision. The reason
// stands above each row.
var mayImport = map[string][]string{
	// Libraries.

	// a library for any program: only the standard library
	"dn": {},
	// a CA only computes; its callers keep the files
	"pki": {},
	// words for a shell are quoted in one way
	"templates": {"internal/termtext"},

	// Words: no disk, no machine.

	// every package has errors
	"internal/hint": {},
	// all printed text passes through it
	"internal/termtext": {},
	// names are compared in the form that the certificate has, before anything is signed
	"internal/grant": {"dn", "pki"},
	// grant: it also accepts the short form of a name
	"internal/subject": {"dn", "pki", "internal/grant", "internal/hint", "internal/termtext"},
	// store: how a serial is written; gnutls: the name of a key's algorithm that Go does not know
	"internal/certinfo": {"pki", "internal/gnutls", "internal/store", "internal/subject", "internal/termtext"},
	// one line in place of a traceback, and its hint
	"internal/program": {"internal/hint", "internal/termtext"},
	// a usage error has a hint
	"internal/usage": {"internal/hint", "internal/termtext"},

	// Other programs.

	// other programs accept the same certificates for every caller
	"internal/gnutls": {},
	// a syntax; the meaning of the settings is in internal/libvirt
	"internal/libvirt/conf": {},
	// dn: the matcher of a release; conf: the defaults of its settings
	"internal/libvirt": {"dn", "internal/libvirt/conf"},
	// QEMU's protocols: bytes on a connection that the caller has made
	"internal/starttls": {},
	// a name is looked up, for every caller
	"internal/resolver": {},
	// libvirt: the names of sockets and processes; starttls: a VNC server is asked for TLS;
	// resolver: libvirt follows nsswitch.conf
	"internal/libvirt/rpc": {"internal/libvirt", "internal/resolver", "internal/starttls"},
	// a running daemon is asked which one it is
	"internal/libvirt/running": {"internal/libvirt", "internal/libvirt/conf", "internal/libvirt/rpc"},
	// a syntax, and dates
	"internal/calendar": {},
	// units are read in a tree, and links must not lead out of it; calendar: when a timer runs
	"internal/systemd": {"internal/calendar", "internal/store"},
	// gnutls: the limits of the library underneath; libvirt: the demands of a release. The caller
	// passes the files in
	"internal/judge": {"dn", "internal/gnutls", "internal/libvirt", "internal/libvirt/conf", "internal/termtext"},
	// judge: findings on dates follow from the clock
	"internal/clock": {"internal/judge"},

	// Files.

	// a hint is typed into a shell
	"internal/safedir": {"internal/termtext"},
	// safedir: paths are walked by descriptor
	"internal/store": {"internal/safedir", "internal/termtext"},
	// store: the names of records
	"internal/batch": {"internal/safedir", "internal/store", "internal/termtext"},

	// Keys in hardware.

	// a protocol, for every caller
	"internal/pkcs11": {},
	// a chip; the caller keeps the file with the key
	"internal/tpm": {},
	// pkcs11: a token; tpm: a TPM; program: a PIN also comes from a descriptor; store: only
	// trusted files are read
	"internal/cakey": {"pki", "internal/hint", "internal/pkcs11", "internal/program", "internal/store", "internal/termtext", "internal/tpm"},

	// A machine and the files on it.

	// pki: how a duration is written; gnutls: what the machine's GnuTLS can do
	"internal/machine": {
		"pki", "internal/gnutls", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// knowledge about programs is applied to this machine
	"internal/inventory": {
		"dn", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/machine",
		"internal/systemd", "internal/termtext",
	},
	// machine: where the key pair of this machine is
	"internal/keypair": {"pki", "internal/hint", "internal/libvirt", "internal/machine", "internal/store", "internal/subject"},
	// cakey: the CA's key in any of its places; certinfo: the report on new certificates; keypair:
	// keys are made once in a run
	"internal/change": {
		"pki", "internal/cakey", "internal/certinfo", "internal/hint", "internal/keypair", "internal/libvirt", "internal/machine", "internal/store",
		"internal/termtext",
	},
	// judge: libvirt must start with the CA; running: where daemons read its CRL
	"internal/authority": {
		"dn", "pki", "internal/cakey", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/inventory", "internal/judge",
		"internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject",
		"internal/termtext",
	},
	// judge: settings that libvirt ignores
	"internal/allowlist": {
		"dn", "pki", "internal/hint", "internal/judge", "internal/libvirt", "internal/libvirt/conf", "internal/store", "internal/termtext",
	},

	// Work, one task for each package. An import between two of them needs a good reason.

	// authority: the clients with a certificate of the CA; inventory: the daemon that serves
	"internal/hostconf": {
		"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/hint", "internal/inventory", "internal/keypair",
		"internal/libvirt", "internal/libvirt/conf", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// change: it restores the previous files and reports them; inventory: where daemons and QEMU
	// read files of their own
	"internal/reload": {
		"dn", "pki", "internal/change", "internal/hint", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/libvirt/conf",
		"internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// reload: a list takes effect when a daemon has reloaded it
	"internal/revocation": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/enroll", "internal/grant", "internal/hint", "internal/keypair",
		"internal/libvirt", "internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// hostconf: a host is not ready without its configuration; inventory: the daemon to configure
	"internal/provision": {
		"pki", "internal/authority", "internal/change", "internal/hint", "internal/hostconf", "internal/inventory", "internal/keypair",
		"internal/libvirt", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// program: a panic in a worker ends in one line
	"internal/fleet": {
		"pki", "internal/authority", "internal/batch", "internal/cakey", "internal/certinfo", "internal/change", "internal/grant", "internal/hint",
		"internal/keypair", "internal/libvirt", "internal/machine", "internal/program", "internal/store", "internal/subject",
		"internal/termtext",
	},
	// provision: the names that issue takes and refuses; batch: archives are written in one way
	"internal/clientpack": {
		"pki", "internal/authority", "internal/batch", "internal/certinfo", "internal/change", "internal/hint", "internal/keypair",
		"internal/libvirt", "internal/machine", "internal/provision", "internal/subject", "internal/termtext",
	},
	// authority: the CA that signs; grant: the names that it may sign
	"internal/sign": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/inventory",
		"internal/libvirt", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// authority: the CA that is trusted here; provision: QEMU's directories
	"internal/enroll": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/hint", "internal/inventory", "internal/judge",
		"internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/reload", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// enroll: certificates made elsewhere are checked and installed in the same way as a response
	"internal/adopt": {
		"pki", "internal/certinfo", "internal/change", "internal/enroll", "internal/gnutls", "internal/hint", "internal/keypair",
		"internal/machine", "internal/safedir", "internal/store", "internal/subject", "internal/termtext",
	},
	// enroll: requests to a CA elsewhere; provision: QEMU's directories; reload: renewed
	// certificates are verified by a connection
	"internal/renewal": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/enroll", "internal/hint", "internal/inventory",
		"internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/reload", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// HTTPS, for every service
	"internal/issuer/web": {},
	// the words of one service; hint: the remedy for an error
	"internal/issuer/step": {"pki", "internal/hint", "internal/issuer/web"},
	// the same for the other service
	"internal/issuer/vault": {"pki", "internal/hint", "internal/issuer/web"},
	// step, vault: the services that sign; store: only trusted files are read; judge: whether
	// libvirt accepts a trial certificate
	"internal/issuer": {
		"pki", "internal/change", "internal/hint", "internal/issuer/step", "internal/issuer/vault", "internal/issuer/web", "internal/judge",
		"internal/libvirt", "internal/machine", "internal/program", "internal/store", "internal/subject", "internal/termtext",
	},
	// authority: whether renew would keep the names of a certificate; gnutls: which block of a
	// file is wrong; clock: the cause of findings on dates; systemd, calendar: how often the
	// machine renews
	"internal/inspect": {
		"dn", "pki", "internal/authority", "internal/cakey", "internal/calendar", "internal/clock", "internal/gnutls", "internal/hint", "internal/inventory", "internal/judge", "internal/keypair",
		"internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/machine", "internal/renewer", "internal/resolver",
		"internal/store", "internal/subject", "internal/systemd", "internal/termtext",
	},
	// authority: which CA has signed; certinfo: the list of its certificates; inventory: pairs at
	// paths of a program's own
	"internal/renewer": {
		"pki", "internal/authority", "internal/certinfo", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/machine",
	},
	// reload: the certificates that a daemon serves; gnutls: the priorities that it refuses
	"internal/connect": {
		"dn", "pki", "internal/certinfo", "internal/gnutls", "internal/hint", "internal/inspect", "internal/judge", "internal/keypair", "internal/libvirt",
		"internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/starttls", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// connect: how one host is checked; fleet: the list; authority: the last certificate that was
	// signed
	"internal/survey": {
		"internal/authority", "internal/certinfo", "internal/connect", "internal/fleet", "internal/hint", "internal/machine",
		"internal/termtext",
	},
	// provision: the bundle for a first boot; inventory: where the renewal has to write; issuer:
	// which files its configuration names
	"internal/generate": {
		"pki", "templates", "internal/allowlist", "internal/authority", "internal/cakey", "internal/change", "internal/hint", "internal/inventory",
		"internal/issuer", "internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/store", "internal/subject", "internal/termtext",
	},

	// User interfaces.

	// it does not know any question
	"internal/prompt": {"internal/hint", "internal/program", "internal/termtext"},
	// it reads, to check an answer as its flag would; its Doer makes all changes
	"internal/wizard": {
		"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/generate", "internal/hint",
		"internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine",
		"internal/prompt", "internal/provision", "internal/reload", "internal/store", "internal/subject", "internal/termtext", "pki",
	},

	// Tests and measurements.

	// a module of its own, which measures the program from outside
	"bench/fleet": {},
	// a host does not know the tests that use it
	"internal/lab": {},
	// files for tests, with any contents
	"internal/lab/labfiles": {},
	// certificates that are not made by this project, to test its own
	"internal/lab/labpki": {},
	// the commands of scripts are those of hosts and terminals
	"internal/lab/labscript": {"internal/lab", "internal/lab/terminal"},
	// a person at a terminal does not know the program
	"internal/lab/terminal": {},
	// a Vault does not know its clients
	"internal/lab/labvault": {},
	// that Vault as a program for the hosts of scripts
	"internal/lab/vaultd": {"internal/lab/labvault"},
	// system calls of any program
	"internal/lab/trace": {},
	// the program that installs the filter of trace
	"internal/lab/tracee": {"internal/lab/trace"},
	// packages are files: their tests build and use them, and import none of the program
	"packaging": {},
	// a program for the hosts of scripts
	"internal/lab/vnctls": {},

	// the command line connects every package to its flags; one on each line, so that a new one is
	// seen
	"cmd/virtpki": {
		"dn",
		"internal/adopt",
		"internal/allowlist",
		"internal/authority",
		"internal/batch",
		"internal/cakey",
		"internal/certinfo",
		"internal/change",
		"internal/clientpack",
		"internal/connect",
		"internal/enroll",
		"internal/fleet",
		"internal/generate",
		"internal/grant",
		"internal/hint",
		"internal/hostconf",
		"internal/inspect",
		"internal/inventory",
		"internal/issuer",
		"internal/judge",
		"internal/keypair",
		"internal/libvirt",
		"internal/libvirt/conf",
		"internal/libvirt/rpc",
		"internal/libvirt/running",
		"internal/machine",
		"internal/program",
		"internal/prompt",
		"internal/provision",
		"internal/reload",
		"internal/renewal",
		"internal/renewer",
		"internal/revocation",
		"internal/sign",
		"internal/store",
		"internal/subject",
		"internal/survey",
		"internal/termtext",
		"internal/usage",
		"internal/wizard",
		"pki",
		"templates",
	},
}

// testImports lists packages that the tests of a package may import in addition.
var testImports = map[string][]string{
	"internal/batch":           {"internal/lab/labfiles"},
	"internal/calendar":        {"internal/lab"},
	"internal/store":           {"internal/lab/labfiles"},
	"packaging":                {"internal/lab", "internal/lab/labscript"},
	"cmd/virtpki":              {"internal/lab", "internal/lab/labscript", "internal/lab/labvault", "internal/lab/terminal", "internal/lab/trace"},
	"internal/gnutls":          {"dn"},
	"internal/connect":         {"internal/lab/labpki"},
	"internal/libvirt/rpc":     {"internal/lab/labpki"},
	"internal/libvirt/running": {"internal/lab", "internal/lab/labpki"},
	"internal/issuer":          {"internal/lab/labvault"},
	"internal/judge":           {"internal/lab", "pki"},
	"internal/sign":            {"dn"},
	"internal/survey":          {"internal/lab/labpki", "internal/libvirt", "internal/store"},
	"internal/systemd":         {"internal/lab"},
}

// onlyIn lists libraries that only one or two packages or files may import.
var onlyIn = map[string]string{
	"github.com/AlecAivazis/survey/v2":          "internal/prompt/survey.go",
	"github.com/AlecAivazis/survey/v2/core":     "internal/prompt/survey.go",
	"github.com/AlecAivazis/survey/v2/terminal": "internal/prompt/survey.go",
	"github.com/creack/pty":                     "internal/lab/terminal",
	"github.com/hinshun/vt10x":                  "internal/lab/terminal",
	"github.com/google/go-tpm/legacy/tpm2":      "internal/tpm",
	"github.com/google/go-tpm/tpmutil":          "internal/tpm",
	"go.step.sm/crypto/tpm/tss2":                "internal/tpm",
	"github.com/spf13/cobra":                    "cmd/virtpki internal/usage",
	"github.com/spf13/pflag":                    "cmd/virtpki internal/usage",
	"golang.org/x/term":                         "cmd/virtpki internal/program internal/prompt",
	"go.step.sm/crypto/keyutil":                 "pki",
	"go.step.sm/crypto/pemutil":                 "pki",
	"go.yaml.in/yaml/v3":                        "internal/issuer internal/survey templates",
	"go.step.sm/crypto/x509util":                "pki",
	"software.sslmate.com/src/go-pkcs12":        "internal/clientpack",
}
