// Package conf reads and edits the configuration files of libvirt, by the grammar of
// libvirt's own parser.
//
// It keeps every byte of a file, so that an edit changes the one entry and leaves the
// comments and the layout alone. It knows the settings of libvirtd.conf and
// virtproxyd.conf and with which values their daemons do not start, and nothing of what
// the files that the settings name contain. It looks at no disk: [Read] is given a
// function that does.
package conf
