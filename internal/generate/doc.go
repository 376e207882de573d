// Package generate makes the files that run virtpki automatically: systemd units, a crontab,
// user-data for cloud-init, and an Ansible project.
//
// Package templates has the text of these files. This package decides which values to fill in, and
// which values a file must not contain. It runs no command and asks no other machine.
package generate
