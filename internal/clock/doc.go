// Package clock recognizes a wrong clock as the one cause of many findings about dates.
//
// A certificate is expired or not valid yet only as the clock says. If the clock is behind or
// ahead, all files look wrong at once, and a new certificate makes it worse. The package compares
// the clock with moments that have certainly passed, and with the lifetimes of the machine's
// certificates. It asks systemd whether NTP has set the clock. It reads no files, and sets no clock.
// Package judge knows which findings follow from a wrong clock.
package clock
