// Package web asks a CA by HTTPS, as little as that needs: bounded requests with JSON in
// and out, time-outs, and attempts that are spread at random.
//
// Everything that a server sends may be hostile: the length of a response, its time and its
// redirects are limited, and the text of an error is cut. The package knows no CA's API:
// packages step and vault do.
package web
