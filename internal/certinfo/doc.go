// Package certinfo describes a certificate or a request: in words, in JSON, and in the form of
// Prometheus's text collector.
//
// It looks only at parsed certificates. The caller says whether a certificate is revoked; the
// package judges nothing.
package certinfo
