// Package web is a minimal HTTPS client for a CA: bounded requests with JSON in and out,
// time-outs, and retries at random intervals.
//
// Everything that a server sends may be hostile: the length of a response, its duration and its
// redirects are limited, and the text of an error is shortened. The package does not know the
// API of any CA: packages step and vault do.
package web
