// Package authority is a CA in its folder: its certificates and keys of each generation, the
// records of what it has signed, its CRLs, and the rollover from one generation to the next.
//
// It reads the folder and plans its files, with those of the machine that follow them; it
// writes nothing itself and asks no daemon. What a certificate is to say is decided
// elsewhere, and who was shut out is weighed by package grant.
package authority
