// Package inspect looks at a machine's files for the judge, and orders what the judge says:
// by place, each thing once, with the verdict that it comes to and the fix that is right
// on this machine.
//
// It changes nothing, opens no device, and reads no file that is larger than its reader
// takes. What files mean is internal/judge's to say, which daemons matter
// internal/inventory's; here stands which files are looked at ([Run]), and which finding
// has which fix (fix.go).
package inspect
