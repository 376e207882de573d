package machine

import (
	"net"
	"os"
	"time"
)

// Machine is the machine whose files a run reads and writes: the running one, or one in an image
// below its root. It holds the values of the flags --root, --sysconfdir and --ca, with the few
// facts that tests replace.
type Machine struct {
	Root       string // "/" for the running machine
	Sysconfdir string // as the machine sees it
	CADir      string // empty for the default below Sysconfdir

	Now       func() time.Time
	Hostname  func() (string, error)
	Addresses func() ([]net.IP, error)
	Warn      func(format string, args ...any) // prints a message that cannot wait for the end of the run
	built     time.Time                        // no correct clock is before it
}

// New returns the running machine. Its Warn prints nothing.
func New() *Machine {
	return &Machine{Root: "/", Sysconfdir: DefaultSysconfdir(), Now: time.Now, Hostname: os.Hostname, Addresses: localAddresses, Warn: func(string, ...any) {}, built: built()}
}

// WithCA returns the machine with a CA in another directory.
func (m *Machine) WithCA(dir string) *Machine {
	other := *m
	other.CADir = dir
	return &other
}

// localAddresses returns the addresses of this machine under which others can reach it. It
// leaves out loopback and link-local ones: a link-local address means nothing without the name
// of an interface beside it.
func localAddresses() ([]net.IP, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, addr := range addrs {
		network, ok := addr.(*net.IPNet)
		if ok && network.IP.IsGlobalUnicast() {
			ips = append(ips, network.IP)
		}
	}
	return ips, nil
}
