// Package sign answers certificate requests with the CA's key: it decides what each
// request is granted, shows that to a person or refuses it, signs, and plans the responses.
//
// What a certificate may say is weighed by package grant, and package authority signs and
// records it; this one turns a request into the certificate that they look at. It prints
// nothing and asks nobody: what a person is to see it hands to a function.
package sign
