// Package packaging_test builds the packages and uses them. It runs dist.sh twice, from two
// directories, and then lintian and rpmlint. On a Debian without Go it installs, uses, upgrades,
// removes and purges the deb.
//
// An ordinary run builds the packages of one architecture and installs one on Debian 12. "make
// dist-check" does it for all.
package packaging_test
