// Package generate says what the files hold that run virtpki by itself: systemd's units, a
// crontab, user-data for cloud-init, and an Ansible project.
//
// Package templates has their text; what is filled in, and what a file must not say, is
// decided here. Nothing is run, and no machine but this one is asked.
package generate
