package dn

// InClass lets the tests ask for every code point.
var InClass = inClass
