// Package packaging_test builds the packages and uses them. It runs dist.sh twice, from two
// directories, and then lintian and rpmlint. On a Debian without Go that systemd has booted, it
// installs the deb, answers the wizard at a terminal, connects with virsh, upgrades, removes and
// purges; and it installs, upgrades and removes the rpm. Debian
// lacks apk and brew: of the apk the test checks the hashes that apk checks, and that the program
// runs; "make dist-check" has ruby and Nix read the formula and the expression.
//
// An ordinary run builds the packages of one architecture and installs them on Debian 13. "make
// dist-check" does it for all.
package packaging_test
