// Package survey looks at many hosts at once, as a client of libvirt does, and says which of
// them are not fine and why.
//
// Package connect looks at one host. This package reads the list of hosts, looks at many
// together, compares them with the CA's records, and formats the result. It changes nothing,
// neither here nor on the hosts.
package survey
