// Package survey looks at many hosts at once, as a client of libvirt does, and says which
// of them are not fine and why.
//
// How one host is looked at is the business of internal/connect. What is in this package:
// the list of hosts, how many are looked at together, the comparison with the CA's records,
// and the forms of the result. It changes nothing, here or there.
package survey
