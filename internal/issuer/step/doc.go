// Package step requests certificates from step-ca (https://smallstep.com/docs/step-ca). Each
// request carries a token that is signed by the key of a JWK provisioner, one for servers and
// one for clients.
//
// step-ca cannot renew a certificate that is only for a server: its renewal wants clientAuth or
// digitalSignature. So each certificate is a fresh request with a fresh token. The few pieces
// of JOSE that this needs are here (RFC 7515 to 7519); go.step.sm/crypto/jose would make the
// program 0.35 MB larger.
package step
