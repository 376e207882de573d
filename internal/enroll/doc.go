// Package enroll gets certificates for keys that never leave their host: it makes a key that
// waits with a request for the CA, and puts the CA's response in place once it is right in
// every respect.
//
// It neither signs nor decides what is granted: that is done at the CA (package sign), and
// what comes back is judged as if somebody had tampered with it. What is due it is told by
// a function.
package enroll
