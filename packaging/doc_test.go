// Package packaging_test makes the packages and uses them: dist.sh twice, from two
// directories, lintian and rpmlint, and a Debian that has nothing of Go, on which the deb is
// installed, used, upgraded, removed and purged.
//
// An ordinary run makes the packages of one architecture and installs one on Debian 12.
// "make dist-check" does it for all.
package packaging_test
