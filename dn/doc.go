// Package dn handles the subject of a certificate as libvirt sees it, and tls_allowed_dn_list, the
// list of patterns that such a subject has to match.
//
// # The text
//
// libvirt asks GnuTLS for the subject (gnutls_x509_crt_get_dn; libvirt: src/rpc/virnettlscontext.c)
// and matches that text, byte for byte. [FromCertificate] gives the same text, [Parse] reads it,
// [Encode] makes the DER of it, [Diagnose] reads the output of other tools. The rules, from
// GnuTLS's lib/x509/dn.c, common.c and x509_dn.c and from comparison with the library:
//
//   - RDNs stand in the order of the certificate, separated by "," without a
//     space. certtool -i, Go and RFC 4514 have the reverse order. Attributes of
//     one RDN are joined with "+", in the order of the encoding.
//   - The types have GnuTLS's names: C, ST, L, O, OU, CN, street, DC, UID,
//     EMAIL (not emailAddress), serialNumber and some thirty more. Any other
//     type is a dotted OID, its value "#" and the hex digits of its DER.
//   - A backslash stands before , + " \ < > ; anywhere in a value, before "#" or
//     a space at its start and a space at its end, and nowhere else.
//   - A value of a string type that GnuTLS does not expect, or with a NUL, is "#" and hex: C and
//     serialNumber have to be PrintableString, DC and EMAIL IA5String.
//   - UTF-8 is passed through unchecked; BMPString is converted. A TeletexString that is not
//     printable ASCII, and any UniversalString, become `\#` and the hex digits of the content.
//   - GnuTLS refuses an empty subject, and since 3.7.5 also an empty value of a type such as CN or
//     O.
//
// # The matchers
//
// libvirt since 5.9.0 (6.1.0 at the latest) calls GLib's g_pattern_match_simple: [MatchGlob],
// [Glob]. "*" is any run of characters, across commas too, "?" one character, everything else
// stands for itself; nothing can be escaped. Before, it called fnmatch of the C library with no
// flags: [MatchFnmatch], [Fnmatch]; there brackets are sets, and a backslash makes the next
// character stand for itself. Patterns of plain text, "*" and "?" mean the same to both; [Exact]
// makes such patterns. A [List] matches many names against many patterns; [Lint] and [Explain]
// describe their faults.
//
// Both matchers are compared with the originals, GLib 2.74 and glibc 2.36, in the package's tests,
// and give the same results on any bytes. If the original does not give a result (see [MatchGlob]),
// they report that the name does not match. Newer releases of GLib may differ on text that is not
// valid UTF-8.
package dn
