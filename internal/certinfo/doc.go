// Package certinfo tells of a certificate or a request: in words, in JSON, and in the form
// of Prometheus's text collector.
//
// It looks at parsed certificates alone. Whether one is revoked it is told, and it judges
// nothing.
package certinfo
