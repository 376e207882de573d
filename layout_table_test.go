package virtpki_test

// mayImport lists which of the module's packages each may import. A package
// that is not in the table may import none and makes the test fail: a new one
// has to be thought about. Above each row stands its reason.
var mayImport = map[string][]string{
	// Libraries.

	// a library for anybody: the standard library alone
	"dn": {},
	// a CA computes, whoever keeps its files
	"pki": {},
	// words for a shell are quoted in one way
	"templates": {"internal/termtext"},

	// Words: no disk, no machine.

	// every room has errors
	"internal/hint": {},
	// everything that is printed goes through it
	"internal/termtext": {},
	// names are compared as the certificate has them, before anything is signed
	"internal/grant": {"dn", "pki"},
	// grant: the short form of a name is granted there too
	"internal/subject": {"dn", "pki", "internal/grant", "internal/hint", "internal/termtext"},
	// store: how a serial is written
	"internal/certinfo": {"pki", "internal/store", "internal/subject", "internal/termtext"},
	// one line in place of a traceback, and its hint
	"internal/program": {"internal/hint", "internal/termtext"},
	// a usage error has a hint
	"internal/usage": {"internal/hint", "internal/termtext"},

	// What others do.

	// what others accept is known without knowing who asks
	"internal/gnutls": {},
	// a syntax, whatever the settings mean
	"internal/libvirt/conf": {},
	// dn: the matcher of a release; conf: the defaults of its settings
	"internal/libvirt": {"dn", "internal/libvirt/conf"},
	// protocols of QEMU's: bytes on a connection that somebody else has made
	"internal/starttls": {},
	// a name is looked up, for every caller
	"internal/resolver": {},
	// libvirt: sockets and processes have their names there; starttls: VNC is asked what it serves; resolver: libvirt goes by nsswitch.conf
	"internal/libvirt/rpc": {"internal/libvirt", "internal/resolver", "internal/starttls"},
	// a daemon is asked who it is
	"internal/libvirt/running": {"internal/libvirt", "internal/libvirt/conf", "internal/libvirt/rpc"},
	// units are read in a tree, out of which no link leads
	"internal/systemd": {"internal/store"},
	// gnutls: what the library beneath takes; libvirt: what a release demands. Files are handed to it
	"internal/judge": {"dn", "internal/gnutls", "internal/libvirt", "internal/libvirt/conf", "internal/termtext"},

	// Files.

	// a hint is typed into a shell
	"internal/safedir": {"internal/termtext"},
	// safedir: the way to a file is walked by descriptor
	"internal/store": {"internal/safedir", "internal/termtext"},
	// records have their names in store
	"internal/batch": {"internal/safedir", "internal/store", "internal/termtext"},

	// Keys in hardware.

	// a protocol, whoever keeps the key
	"internal/pkcs11": {},
	// a chip, whoever keeps the file of its key
	"internal/tpm": {},
	// pkcs11: a token; tpm: a TPM; program: a PIN comes from a descriptor too; store: a file that is believed
	"internal/cakey": {"pki", "internal/hint", "internal/pkcs11", "internal/program", "internal/store", "internal/termtext", "internal/tpm"},

	// A machine, and what stands on it.

	// pki: how a duration is written
	"internal/machine": {
		"pki", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// the machine is looked at with what is known of its programs
	"internal/inventory": {
		"dn", "internal/hint", "internal/libvirt", "internal/libvirt/conf", "internal/libvirt/running", "internal/machine",
		"internal/systemd", "internal/termtext",
	},
	// machine: where the pair of this machine lies
	"internal/keypair": {"pki", "internal/hint", "internal/libvirt", "internal/machine", "internal/store", "internal/subject"},
	// cakey: the CA's key, wherever it is; certinfo: what was made is told; keypair: keys are made once a run
	"internal/change": {
		"pki", "internal/cakey", "internal/certinfo", "internal/hint", "internal/keypair", "internal/libvirt", "internal/machine", "internal/store",
		"internal/termtext",
	},
	// judge: libvirt has to start on its CA; running: where daemons read its CRL
	"internal/authority": {
		"dn", "pki", "internal/cakey", "internal/certinfo", "internal/change", "internal/grant", "internal/hint", "internal/inventory", "internal/judge",
		"internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject",
		"internal/termtext",
	},
	// judge: settings that libvirt ignores
	"internal/allowlist": {
		"dn", "pki", "internal/hint", "internal/judge", "internal/libvirt", "internal/libvirt/conf", "internal/store", "internal/termtext",
	},

	// Work, a story each. An arrow between two of them has to be defended.

	// authority: clients whose certificate it signed; inventory: which daemon serves
	"internal/hostconf": {
		"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/hint", "internal/inventory", "internal/keypair",
		"internal/libvirt", "internal/libvirt/conf", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// change: it writes the previous files back, and tells of it; inventory: where daemons and QEMU read files of their own
	"internal/reload": {
		"dn", "pki", "internal/change", "internal/hint", "internal/inventory", "internal/keypair", "internal/libvirt", "internal/libvirt/conf",
		"internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// reload: a list counts once a daemon has read it
	"internal/revocation": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/enroll", "internal/grant", "internal/hint", "internal/keypair",
		"internal/libvirt", "internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// hostconf: a host is not ready without its configuration; inventory: which daemon that is
	"internal/provision": {
		"pki", "internal/authority", "internal/change", "internal/hint", "internal/hostconf", "internal/inventory", "internal/keypair",
		"internal/libvirt", "internal/machine", "internal/store", "internal/subject", "internal/termtext",
	},
	// program: a worker's panic ends in one line
	"internal/fleet": {
		"pki", "internal/authority", "internal/batch", "internal/cakey", "internal/certinfo", "internal/change", "internal/grant", "internal/hint",
		"internal/keypair", "internal/libvirt", "internal/machine", "internal/program", "internal/store", "internal/subject",
		"internal/termtext",
	},
	// provision: names and refusals of issue; batch: archives are written in one way
	"internal/clientpack": {
		"pki", "internal/authority", "internal/batch", "internal/certinfo", "internal/change", "internal/hint", "internal/keypair",
		"internal/libvirt", "internal/machine", "internal/provision", "internal/subject",
	},
	// authority: the CA that signs; grant: what it may
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
	// enroll: what was made elsewhere is judged and put in place as a response is
	"internal/adopt": {
		"pki", "internal/certinfo", "internal/change", "internal/enroll", "internal/gnutls", "internal/hint", "internal/keypair",
		"internal/machine", "internal/safedir", "internal/store", "internal/subject", "internal/termtext",
	},
	// enroll: a CA elsewhere is asked; provision: QEMU's directories; reload: what is renewed is proven
	"internal/renewal": {
		"pki", "internal/authority", "internal/certinfo", "internal/change", "internal/enroll", "internal/hint", "internal/inventory",
		"internal/keypair", "internal/libvirt", "internal/machine", "internal/provision", "internal/reload", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// HTTPS, whoever answers
	"internal/issuer/web": {},
	// a service's own words; what to do about an error is a hint
	"internal/issuer/step": {"pki", "internal/hint", "internal/issuer/web"},
	// the same for the other service
	"internal/issuer/vault": {"pki", "internal/hint", "internal/issuer/web"},
	// step, vault: the services that sign; store: its file is believed; judge: what libvirt makes of a trial
	"internal/issuer": {
		"pki", "internal/change", "internal/hint", "internal/issuer/step", "internal/issuer/vault", "internal/issuer/web", "internal/judge",
		"internal/libvirt", "internal/machine", "internal/program", "internal/store", "internal/subject", "internal/termtext",
	},
	// authority: whether renew would keep the names of a certificate; gnutls: which block of a file is at fault
	"internal/inspect": {
		"dn", "pki", "internal/authority", "internal/gnutls", "internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt",
		"internal/libvirt/conf", "internal/libvirt/running", "internal/machine", "internal/renewer", "internal/resolver", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// authority: which CA has signed; certinfo: the list that says it
	"internal/renewer": {"pki", "internal/authority", "internal/certinfo", "internal/keypair", "internal/libvirt", "internal/machine"},
	// reload: what is served
	"internal/connect": {
		"dn", "pki", "internal/certinfo", "internal/hint", "internal/inspect", "internal/judge", "internal/keypair", "internal/libvirt",
		"internal/libvirt/rpc", "internal/libvirt/running", "internal/machine", "internal/reload", "internal/starttls", "internal/store",
		"internal/subject", "internal/termtext",
	},
	// connect: how one host is looked at; fleet: the list; authority: what was signed last
	"internal/survey": {
		"internal/authority", "internal/certinfo", "internal/connect", "internal/fleet", "internal/hint", "internal/machine",
		"internal/termtext",
	},
	// provision: the bundle that a first boot is given
	"internal/generate": {
		"pki", "templates", "internal/allowlist", "internal/authority", "internal/cakey", "internal/change", "internal/hint", "internal/keypair",
		"internal/libvirt", "internal/machine", "internal/provision", "internal/store", "internal/subject", "internal/termtext",
	},

	// Faces.

	// it knows no question
	"internal/prompt": {"internal/hint", "internal/program", "internal/termtext"},
	// it reads, to check an answer as its flag would; what is done goes through its Doer
	"internal/wizard": {
		"dn", "internal/allowlist", "internal/authority", "internal/change", "internal/generate", "internal/hint", "internal/hostconf",
		"internal/inventory", "internal/judge", "internal/keypair", "internal/libvirt", "internal/libvirt/running", "internal/machine",
		"internal/prompt", "internal/provision", "internal/reload", "internal/store", "internal/subject", "internal/termtext", "pki",
	},

	// Tests and measurements.

	// a module of its own, which measures the program from outside
	"bench/fleet": {},
	// a host knows nothing of what is tested on it
	"internal/lab": {},
	// files of tests, whatever is in them
	"internal/lab/labfiles": {},
	// certificates that this project has not made: they test its own
	"internal/lab/labpki": {},
	// the commands of scripts are those of hosts and terminals
	"internal/lab/labscript": {"internal/lab", "internal/lab/terminal"},
	// a person at a terminal knows no program
	"internal/lab/terminal": {},
	// a Vault knows no program
	"internal/lab/labvault": {},
	// system calls, whoever makes them
	"internal/lab/trace": {},
	// the program that installs the filter of trace
	"internal/lab/tracee": {"internal/lab/trace"},
	// packages are files: their tests make them and use them, and know no room
	"packaging": {},
	// a program for the hosts of scripts
	"internal/lab/vnctls": {},

	// the face wires every room to its flags; one a line, so that a new one is seen
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

// testImports are allowed to the tests of a package on top.
var testImports = map[string][]string{
	"internal/batch":           {"internal/lab/labfiles"},
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

// onlyIn lists libraries that stay behind a package or a file, or two of them.
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
