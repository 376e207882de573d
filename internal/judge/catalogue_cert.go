package judge

import "slices"

// CertCatalogue explains the ids of the stages [Own] and [Session].
func CertCatalogue() []Entry {
	return slices.Concat(fileEntries(), leafEntries(), caEntries(), issuerEntries(), crlEntries(), keyEntries(), sessionEntries())
}

const reissueFix = "Issue the certificate again, with the same names: `virtpki renew --force` at the CA, with `--via` on another host. Or move the certificate and the key away, and run `virtpki issue server NAME` or `virtpki issue client NAME --here` at the CA."

func fileEntries() []Entry {
	copyAgain := "Copy the file again from where it was made."
	return []Entry{
		{"cert-unreadable", Own, "The certificate's file exists but cannot be read: it is a directory, or the permissions do not allow it.", "Set the file's owner and mode; see the stage places."},
		{"ca-unreadable", Own, "The CA file exists but cannot be read.", "Set the file's owner and mode; see the stage places."},
		{"key-unreadable", Own, "The key's file exists but cannot be read.", "Set the file's owner and mode; see the stage places."},
		{"crl-unreadable", Own, "The CRL exists but cannot be read. The daemon starts without a CRL, but not with one that it cannot read.", "Set the file's owner and mode, or remove the file."},
		{"cert-too-large", Own, "The certificate's file has more than 65536 bytes, the most that libvirt reads.", "Remove the parts that do not belong in the file."},
		{"ca-too-large", Own, "The CA file has more than 65536 bytes, the most that libvirt reads.", "Remove CAs that are no longer in use, and text between the blocks."},
		{"cert-not-pem", Own, "The file does not contain a CERTIFICATE block. libvirt reads neither DER nor OpenSSL's TRUSTED CERTIFICATE nor empty files.", copyAgain + " `openssl x509 -inform DER -in FILE -out FILE.pem` converts DER to PEM."},
		{"cert-broken", Own, "GnuTLS cannot decode a CERTIFICATE block (or a CERTIFICATE REQUEST, which it takes for one): it is truncated, damaged, or of a form that GnuTLS refuses.", copyAgain},
		{"ca-not-pem", Own, "The CA file does not contain a CERTIFICATE block.", copyAgain + " It is `/etc/pki/CA/cacert.pem` on the CA's host."},
		{"ca-broken", Own, "GnuTLS cannot decode a CERTIFICATE block of the CA file. One such block makes the whole file useless, even after the sixteenth.", copyAgain + " It is `/etc/pki/CA/cacert.pem` on the CA's host."},
		{"cert-missing", Own, "A server has no certificate: libvirtd with a TLS port does not start.", "`virtpki issue server NAME`, or `virtpki bootstrap` for everything."},
		{"ca-missing", Own, "The CA file is missing. Neither a server nor a client works without it.", "Copy `/etc/pki/CA/cacert.pem` from the CA's host; `virtpki bootstrap` makes a CA if you have none."},
		{"key-missing", Own, "A server has no key.", "`virtpki issue server NAME`."},
		{"pair-missing", Own, "A client has neither certificate nor key. It connects without them, and a server that verifies clients, as all do by default, refuses it.", "`virtpki issue client NAME --here`."},
		{"pair-half", Own, "A client has a key but no certificate, or the reverse. libvirt before 11.10 connects without both, later releases do not connect.", "`virtpki issue client NAME --here` makes both."},
	}
}

func leafEntries() []Entry {
	return []Entry{
		{"cert-expired", Own, "The certificate has expired. Peers refuse it at once. A running daemon keeps running, but it refuses a reload and does not start again.", "`virtpki renew`, and have it run every night (`virtpki generate systemd` or `cron`)."},
		{"cert-future", Own, "The certificate is not valid yet: the clock of the machine that made it was ahead, or the clock here is behind.", "Set the clock. virtpki's certificates are valid from one day before they are made."},
		{"cert-is-ca", Own, "A CA certificate stands in the place of a server or client certificate. Often it is the CA file, or a chain in the wrong order.", "Put the leaf certificate first in its file. " + reissueFix},
		{"cert-constraints-broken", Own, "The basic constraints of the certificate cannot be read.", reissueFix},
		{"cert-usage-broken", Own, "The key usage of the certificate cannot be read.", reissueFix},
		{"cert-usage-signature", Own, "A critical key usage does not permit digital signatures.", reissueFix},
		{"cert-usage-encipherment", Own, "A critical key usage does not permit key encipherment. libvirt before 11.6 and QEMU before 10.2 demand it for every type of key, although EC and Ed25519 keys cannot do it. They therefore refuse the EC certificates of Go, step and cfssl. Some distributions have backported the change.", reissueFix + " virtpki writes no key usage for such keys; with `--for libvirt-11.6` it writes the strict form."},
		{"cert-usage-signature-noncritical", Own, "A key usage that is not critical does not permit digital signatures. libvirt warns; in a handshake GnuTLS refuses the key.", reissueFix},
		{"cert-usage-encipherment-noncritical", Own, "A key usage that is not critical does not permit key encipherment. It works, but libvirt before 11.6 prints a warning at every call.", "Nothing to do. " + reissueFix},
		{"cert-purpose", Own, "A critical extended key usage does not allow the role: a client's certificate for a server, or the reverse.", reissueFix + " `virtpki issue host` makes both key pairs."},
		{"cert-purpose-noncritical", Own, "An extended key usage that is not critical does not allow the role. libvirt warns at every call, and other programs may refuse it.", reissueFix},
		{"cert-purpose-any", Own, "A critical extended key usage contains only anyExtendedKeyUsage. libvirt compares it the wrong way round and accepts it for neither role; QEMU accepts it.", reissueFix},
		{"cert-purpose-any-noncritical", Own, "The extended key usage contains only anyExtendedKeyUsage, and is not critical. libvirt compares it the wrong way round and warns at every call.", reissueFix},
		{"cert-purpose-foreign", Own, "The extended key usage names a purpose that has nothing to do with TLS. By the same wrong comparison, libvirt accepts it for every purpose. Other programs refuse such a certificate.", reissueFix},
		{"cert-purpose-broken", Own, "The extended key usage cannot be read.", reissueFix},
	}
}

func caEntries() []Entry {
	takeOut := "Remove it from the CA file. If it is the CA in use: `virtpki ca rollover start`."
	return []Entry{
		{"ca-expired", Own, "One of the first sixteen CAs in the file has expired. One is enough for a refusal, even if it signed nothing. QEMU since 10.2 checks only those on the chain.", takeOut},
		{"ca-future", Own, "One of the first sixteen CAs in the file is not valid yet.", takeOut + " Or set the clock."},
		{"ca-no-constraints", Own, "A certificate in the CA file lacks basic constraints, which libvirt and QEMU demand of a CA.", "Remove it. If it is your own CA, replace it: `virtpki ca init`."},
		{"ca-constraints-broken", Own, "The basic constraints of a certificate in the CA file cannot be read.", takeOut},
		{"ca-not-ca", Own, "A certificate in the CA file is not a CA certificate. Often it is a server's own, put there to make clients trust it.", "Remove it and put its CA there."},
		{"ca-usage", Own, "The critical key usage of a CA does not permit signing certificates.", takeOut},
		{"ca-usage-noncritical", Own, "The key usage of a CA does not permit signing certificates. It is not critical, so libvirt accepts the file, but it trusts nothing that the CA signed.", takeOut},
		{"ca-usage-broken", Own, "The key usage of a CA cannot be read.", takeOut},
		{"ca-too-many", Own, "The CA file has more than sixteen CAs. libvirt uses only the first sixteen when it checks its own certificate.", "Put the CAs in use first, and remove the others."},
		{"root-missing", Own, "QEMU since 10.2 follows a certificate up to a self-signed CA, and a CA on that way is not in the CA file.", "Append the missing CAs to the CA file."},
		{"chain-order", Own, "QEMU since 10.2 reads the chain in a certificate's file, and the order is wrong: each certificate must stand before its issuer.", "Reorder the file: the leaf certificate, its issuer, the issuer's issuer."},
	}
}

func issuerEntries() []Entry {
	return []Entry{
		{"issuer-missing", Own, "The CA that signed the certificate is not in the CA file.", "Add that CA to the CA file, or have a CA that is in the file issue the certificate."},
		{"issuer-too-late", Own, "The CA that signed the certificate comes after the first sixteen of the file, and libvirt reads no more.", "Put it first."},
		{"issuer-in-cert-file", Own, "The intermediate CA comes after the certificate in the same file. libvirt, and QEMU before 10.2, do not look for CAs there when they check their own certificate.", "Append the intermediate to the CA file as well."},
		{"issuer-other-key", Own, "The CA file has a CA with the right name but another key: the CA was replaced under its old name.", "Issue the certificate again from the current CA, or add the former CA's certificate to the CA file."},
		{"issuer-not-ca", Own, "The certificate that signed it is not a CA certificate.", reissueFix},
		{"issuer-usage", Own, "The key usage of the issuer does not permit signing certificates.", "Replace the CA, or use another."},
		{"name-constraints", Own, "A CA above the certificate may not certify its names.", "Issue the certificate with names that the CA permits (`virtpki ca show`)."},
		{"path-length", Own, "There are more CAs below a CA than its path length allows.", "Have a CA further up issue the certificate."},
		{"signature-wrong", Own, "The signature on a certificate does not come from the CA that it names: another CA has the same name, or the file was changed.", reissueFix},
		{"signature-unknown", Own, "A signature is of a kind that GnuTLS cannot check.", reissueFix},
		{"signature-insecure", Own, "A signature uses MD5 or SHA-1, which GnuTLS does not trust in certificates.", reissueFix},
		{"signature-unchecked", Own, "A signature is of a kind that GnuTLS can check and virtpki cannot (Ed448, DSA, ML-DSA where this GnuTLS has it). virtpki assumed that it is valid.", "Nothing to do."},
		{"extension-unknown", Own, "A certificate has a critical extension that GnuTLS does not know.", reissueFix},
	}
}

func crlEntries() []Entry {
	fix := "`virtpki crl` writes a new CRL."
	return []Entry{
		{"crl-missing", Own, "The CRL is missing. That is not an error, but libvirt cannot refuse a revoked certificate.", fix},
		{"crl-not-pem", Own, "The CRL's file does not contain an X509 CRL block: it is empty, DER, or a certificate. The daemon does not start and no client connects, although they would without the file.", fix + " Or remove the file."},
		{"crl-broken", Own, "GnuTLS cannot decode an X509 CRL block.", fix + " Or remove the file."},
		{"crl-expired", Own, "The CRL's nextUpdate has passed. GnuTLS ignores that: it refuses the certificates on the list and admits all others, even those revoked since.", fix + " Copy it to every host."},
		{"crl-future", Own, "The CRL is dated in the future. GnuTLS ignores that.", "Set the clock if it is wrong; otherwise " + fix},
		{"crl-signature", Own, "The CRL has the name of a CA that did not sign it. GnuTLS does not check that: anyone who can write the file can revoke any certificate.", fix},
		{"crl-foreign", Own, "The CRL belongs to a CA that is not in the CA file, and has no effect. It is a warning if the file has no other CRL: libvirt then refuses no revoked certificate, and virtpki does not add to that file.", "Remove it, or add the CA. If it replaced the CA's own CRL, restore that one; " + fix},
		{"crl-superseded", Own, "The file has two CRLs with the same issuer name. GnuTLS keeps the newer one and ignores the entries that only the other has.", "Keep one CRL for each CA; give a new CA a name of its own (`virtpki ca rollover` does)."},
		{"crl-delta", Own, "The CRL is a delta CRL. GnuTLS takes it for the whole list.", fix},
	}
}

func keyEntries() []Entry {
	return []Entry{
		{"key-broken", Own, "The file does not contain a private key that GnuTLS reads. GnuTLS reads PKCS#8, PKCS#1 and SEC 1 in PEM, but not DER.", "Copy the file again, or issue the key pair again."},
		{"key-encrypted", Own, "The key is encrypted. libvirt has no way to ask for a passphrase; QEMU takes it from a secret (default_tls_x509_secret_uuid and the like).", "`openssl pkey -in KEY -out NEW` removes the passphrase."},
		{"key-mismatch", Own, "The key does not belong to the certificate: only one of them was replaced.", reissueFix + " `virtpki rollback` restores the previous certificate and key."},
		{"key-mismatch-unseen", Own, "An Ed25519 key does not belong to its certificate, or an RSA key is damaged. GnuTLS compares key and certificate by a signature that such keys cannot make, and then skips the comparison: the daemon starts, and every handshake fails.", reissueFix},
		{"key-type-unknown", Own, "The certificate's key is of a type that GnuTLS cannot use: curves such as secp256k1 and brainpool, or ML-DSA. ML-DSA needs GnuTLS 3.8.10 or later, built with leancrypto, which Debian's is not. virtpki looks at the machine's libgnutls.so.30.", reissueFix},
		{"key-unchecked", Own, "The key is of a type that virtpki cannot compare with a certificate (Ed448, DSA, ML-DSA where this GnuTLS has it).", "Nothing to do."},
		{"key-weak", Session, "A key on the chain is weaker than GnuTLS accepts: RSA below 1024 bits (2048 under the policies of RHEL).", reissueFix},
		{"key-not-for-tls", Session, "Such a key (P-224, P-192, DSA) cannot sign a handshake.", reissueFix},
		{"key-type-new", Session, "The key is an ML-DSA key, which this machine's GnuTLS can use. The other side also needs GnuTLS 3.8.10 or later, built with leancrypto; other hosts refuse the certificate.", "Nothing to do, unless such hosts connect."},
	}
}

func sessionEntries() []Entry {
	return []Entry{
		{"no-certificate", Session, "The client does not send a certificate. libvirtd logs \"No certificate was found\"; the client sees an input/output error.", "`virtpki issue client NAME --here`."},
		{"session-issuer-missing", Session, "The other side does not have the CA that signed the certificate in its CA file.", "Give the other side `/etc/pki/CA/cacert.pem` of the CA's host."},
		{"cert-revoked", Session, "The certificate is on the CRL that the other side reads.", "To admit its owner again: `virtpki renew --force` where the CA's key is; elsewhere `virtpki renew --force --via` or `virtpki request --new`, for which the CA runs `virtpki sign --after-revocation`. A plain `virtpki renew` does not renew a revoked certificate."},
		{"cert-usage-handshake", Session, "The key usage does not permit digital signatures. GnuTLS checks that in a handshake, critical or not; a client then sends no certificate.", reissueFix},
		{"cert-usage-old-tls", Session, "The key usage of a server's RSA key permits only key encipherment. TLS 1.3 cannot use it, and TLS 1.2 only by static RSA.", reissueFix},
		{"subject-empty", Session, "The subject is empty. libvirt refuses such a peer, with or without a list of allowed names.", reissueFix},
		{"subject-unreadable", Session, "GnuTLS cannot write the subject as text, for example because of an empty CN or O.", reissueFix},
		{"subject-long", Session, "The text of the subject is longer than the 256 bytes that old releases of libvirt have for it.", reissueFix},
		{"dn-refused", Session, "The client's subject is not on tls_allowed_dn_list.", "`virtpki dn match` shows which entries match; `virtpki dn lint` shows the mistakes in a list."},
		{"name-mismatch", Session, "The server's certificate does not cover the name or address to which the client connects. An address must be among the certificate's IP addresses, a name among its DNS names.", "`virtpki renew --san NAME`, with `--via` if the CA's key is elsewhere."},
	}
}
