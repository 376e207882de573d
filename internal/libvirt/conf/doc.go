// Package conf reads and edits the configuration files of libvirt, by the grammar of libvirt's
// own parser.
//
// It keeps every byte of a file, so that an edit changes one entry and leaves the comments and
// the layout as they are. It knows the settings of libvirtd.conf and virtproxyd.conf, and the
// values with which their daemons do not start. It does not know the contents of the files that
// the settings name. It does not access the disk: [Read] is given a function that does.
package conf
