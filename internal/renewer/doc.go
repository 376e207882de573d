// Package renewer says who renews a certificate that is installed on a machine: the CA here, a
// request to one elsewhere, a directory that is watched, the program that made a link, or nobody.
//
// It reads the units and the crontab that package generate plans, and decides by a pure
// function over facts. It runs no systemd, so a timer that is stopped counts as long as it is
// enabled. It renews nothing: that is package renewal.
package renewer
