// Package renewer says who renews a certificate that is installed on a machine: the CA here, a
// request to a CA elsewhere, a watched directory, the program that made a link, or nobody.
//
// It reads the units and the crontab that package generate plans, and decides by a pure
// function over facts. It does not ask systemd, so a stopped timer counts as long as it is
// enabled. Package renewal renews the certificates.
package renewer
