// Package allowlist says which clients tls_allowed_dn_list admits, and what is wrong with the
// list.
//
// Package dn has the rules of patterns and of both matchers. This package applies them to a
// daemon's configuration and to the names of certificates. It does not connect to daemons and
// does not change lists.
package allowlist
