package judge

import "slices"

// CertCatalogue explains the ids of the stages [Own] and [Session].
func CertCatalogue() []Entry {
	return slices.Concat(fileEntries(), leafEntries(), caEntries(), issuerEntries(), crlEntries(), keyEntries(), sessionEntries())
}

const reissueFix = "Issue the certificate again, with the same names: `virtpki renew --force` at the CA, with `--via` on another host. Or move certificate and key away, and run `virtpki issue server NAME` or `virtpki issue client NAME --here` at the CA."

func fileEntries() []Entry {
	copyAgain := "Copy the file again from where it was made."
	return []Entry{
		{"cert-unreadable", Own, "The certificate's file is there and cannot be read: a directory, or no permission.", "Set the file's owner and mode; see the stage places."},
		{"ca-unreadable", Own, "The CA file is there and cannot be read.", "Set the file's owner and mode; see the stage places."},
		{"key-unreadable", Own, "The key's file is there and cannot be read.", "Set the file's owner and mode; see the stage places."},
		{"crl-unreadable", Own, "The CRL is there and cannot be read. A CRL that is missing does not matter, one that cannot be read stops the daemon.", "Set the file's owner and mode, or remove the file."},
		{"cert-too-large", Own, "The certificate's file has more than 65536 bytes, and libvirt reads no more than that.", "Remove the parts that do not belong in the file."},
		{"ca-too-large", Own, "The CA file has more than 65536 bytes, and libvirt reads no more than that.", "Take out CAs that are not in use any more, and text between the blocks."},
		{"cert-not-pem", Own, "The file has no CERTIFICATE block. DER, OpenSSL's TRUSTED CERTIFICATE and empty files are not read.", copyAgain + " `openssl x509 -inform DER -in FILE -out FILE.pem` makes PEM of DER."},
		{"cert-broken", Own, "A CERTIFICATE block (or CERTIFICATE REQUEST, which GnuTLS takes for one) cannot be decoded: truncated, changed, or of a form that GnuTLS refuses.", copyAgain},
		{"ca-not-pem", Own, "The CA file has no CERTIFICATE block.", copyAgain + " It is `/etc/pki/CA/cacert.pem` on the CA's host."},
		{"ca-broken", Own, "A CERTIFICATE block of the CA file cannot be decoded. One such block spoils the whole file, also behind the sixteenth.", copyAgain + " It is `/etc/pki/CA/cacert.pem` on the CA's host."},
		{"cert-missing", Own, "A server has no certificate: libvirtd with a TLS port does not start.", "`virtpki issue server NAME`, or `virtpki bootstrap` for everything."},
		{"ca-missing", Own, "The CA file is missing. Neither a server nor a client works without it.", "Copy `/etc/pki/CA/cacert.pem` from the CA's host; `virtpki bootstrap` makes a CA where there is none."},
		{"key-missing", Own, "A server has no key.", "`virtpki issue server NAME`."},
		{"pair-missing", Own, "A client has neither certificate nor key. It goes on without, and a server that verifies clients, as all do by default, refuses it.", "`virtpki issue client NAME --here`."},
		{"pair-half", Own, "A client has a key and no certificate, or the reverse. libvirt before 11.10 goes on without both, newer ones do not connect.", "`virtpki issue client NAME --here` makes both."},
	}
}

func leafEntries() []Entry {
	return []Entry{
		{"cert-expired", Own, "The certificate has expired. A daemon that runs goes on until it is restarted or reloaded; then it does not start. Peers refuse it at once.", "`virtpki renew`, and let it run from cron (`virtpki generate systemd` or `cron`)."},
		{"cert-future", Own, "The certificate is not valid yet: it was made on a machine with a clock that is ahead, or is read on one with a clock that is behind.", "Set the clock; certificates of virtpki are valid from a day before they are made."},
		{"cert-is-ca", Own, "The certificate of a server or client is that of a CA; often the CA file or a chain in the wrong order stands in its place.", "Put the leaf first in its file. " + reissueFix},
		{"cert-constraints-broken", Own, "The basic constraints of the certificate cannot be read.", reissueFix},
		{"cert-usage-broken", Own, "The key usage of the certificate cannot be read.", reissueFix},
		{"cert-usage-signature", Own, "A critical key usage does not permit digital signatures.", reissueFix},
		{"cert-usage-encipherment", Own, "A critical key usage does not permit key encipherment. libvirt before 11.6 and QEMU before 10.2 want it for every type of key, although EC and Ed25519 keys cannot do it; EC certificates of Go, step and cfssl fail because of it. Some distributions have carried the change back.", reissueFix + " virtpki leaves key usage out on such keys; `--for libvirt-11.6` writes the strict form."},
		{"cert-usage-signature-noncritical", Own, "A key usage that is not critical does not permit digital signatures. libvirt warns; in a handshake GnuTLS refuses the key.", reissueFix},
		{"cert-usage-encipherment-noncritical", Own, "A key usage that is not critical does not permit key encipherment. It works, and libvirt before 11.6 prints a warning at every call.", "Nothing has to be done. " + reissueFix},
		{"cert-purpose", Own, "A critical extended key usage does not allow the role: a client's certificate for a server, or the reverse.", reissueFix + " `virtpki issue host` makes both pairs."},
		{"cert-purpose-noncritical", Own, "An extended key usage that is not critical does not allow the role. libvirt warns at every call, other programs may refuse it.", reissueFix},
		{"cert-purpose-any", Own, "A critical extended key usage only has anyExtendedKeyUsage. libvirt compares it the wrong way round and accepts it for no role; QEMU accepts it.", reissueFix},
		{"cert-purpose-any-noncritical", Own, "The extended key usage only has anyExtendedKeyUsage, and is not critical. libvirt compares it the wrong way round and warns at every call.", reissueFix},
		{"cert-purpose-foreign", Own, "The extended key usage names a purpose that has nothing to do with TLS, and libvirt accepts that for every purpose, by the same wrong comparison. Other programs refuse such a certificate.", reissueFix},
		{"cert-purpose-broken", Own, "The extended key usage cannot be read.", reissueFix},
	}
}

func caEntries() []Entry {
	takeOut := "Take it out of the CA file. If it is the CA in use: `virtpki ca rollover start`."
	return []Entry{
		{"ca-expired", Own, "One of the first sixteen CAs in the file has expired. One is enough, whether or not anything was signed by it (QEMU since 10.2 only looks at those on the chain).", takeOut},
		{"ca-future", Own, "One of the first sixteen CAs in the file is not valid yet.", takeOut + " Or set the clock."},
		{"ca-no-constraints", Own, "A certificate in the CA file has no basic constraints, which libvirt and QEMU demand of a CA.", "Take it out. If it is your own CA, replace it: `virtpki ca init`."},
		{"ca-constraints-broken", Own, "The basic constraints of a certificate in the CA file cannot be read.", takeOut},
		{"ca-not-ca", Own, "A certificate in the CA file is not that of a CA: often a server's own, put there so that it is trusted.", "Take it out and put its CA there."},
		{"ca-usage", Own, "The critical key usage of a CA does not permit signing certificates.", takeOut},
		{"ca-usage-noncritical", Own, "The key usage of a CA does not permit signing certificates. Since it is not critical the file is taken, but nothing that the CA signed is trusted.", takeOut},
		{"ca-usage-broken", Own, "The key usage of a CA cannot be read.", takeOut},
		{"ca-too-many", Own, "The CA file has more than sixteen CAs. libvirt ignores the others when it checks its own certificate.", "Put the CAs in use first, and drop those that are not."},
		{"root-missing", Own, "QEMU since 10.2 follows a certificate up to a self-signed CA, and one on the way is not in the CA file.", "Append the missing CAs to the CA file."},
		{"chain-order", Own, "QEMU since 10.2 reads the chain in a certificate's file, and it is not in order: each has to stand before its issuer.", "Reorder the file: leaf, its issuer, the issuer's issuer."},
	}
}

func issuerEntries() []Entry {
	return []Entry{
		{"issuer-missing", Own, "The CA that signed the certificate is not in the CA file.", "Add that CA to the CA file, or issue the certificate from one that is there."},
		{"issuer-too-late", Own, "The CA that signed the certificate comes after the first sixteen of the file, and libvirt does not look further.", "Put it first."},
		{"issuer-in-cert-file", Own, "The intermediate CA stands behind the certificate in its own file. libvirt, and QEMU before 10.2, do not look for CAs there when they check their own certificate.", "Append the intermediate to the CA file as well."},
		{"issuer-other-key", Own, "The CA file has a CA of the right name with another key: the CA was replaced under its old name.", "Issue the certificate again from the present CA, or add the former CA's certificate to the CA file."},
		{"issuer-not-ca", Own, "The certificate that signed it is not a CA's.", reissueFix},
		{"issuer-usage", Own, "The key usage of the issuer does not permit signing certificates.", "Replace the CA, or use another."},
		{"name-constraints", Own, "The names of the certificate are not among those that a CA above it may certify.", "Issue the certificate with names that the CA permits (`virtpki ca show`)."},
		{"path-length", Own, "A CA allows fewer CAs below itself than there are.", "Issue the certificate from a CA further up."},
		{"signature-wrong", Own, "The signature on a certificate was not made by the CA of that name: another CA of the same name, or a changed file.", reissueFix},
		{"signature-unknown", Own, "A signature is of a kind that GnuTLS cannot check.", reissueFix},
		{"signature-insecure", Own, "A signature uses MD5 or SHA-1, which GnuTLS does not trust in certificates.", reissueFix},
		{"signature-unchecked", Own, "A signature is of a kind that virtpki cannot check and GnuTLS can (Ed448, DSA, ML-DSA where this GnuTLS has it). It was taken for good.", "Nothing has to be done."},
		{"extension-unknown", Own, "A certificate has a critical extension that GnuTLS does not know.", reissueFix},
	}
}

func crlEntries() []Entry {
	fix := "`virtpki crl` writes a new CRL."
	return []Entry{
		{"crl-missing", Own, "There is no CRL. That is not an error, but nobody can be refused as revoked.", fix},
		{"crl-not-pem", Own, "The CRL's file has no X509 CRL block: empty, DER, or a certificate. The daemon does not start and no client connects, while a missing file would not matter.", fix + " Or remove the file."},
		{"crl-broken", Own, "An X509 CRL block cannot be decoded.", fix + " Or remove the file."},
		{"crl-expired", Own, "The CRL's nextUpdate has passed. GnuTLS does not look at that: the certificates on the list stay refused, and all others are admitted, even those revoked since.", fix + " Copy it to every host."},
		{"crl-future", Own, "The CRL is dated in the future. GnuTLS does not look at that.", "Set the clock, where that is wrong; else " + fix},
		{"crl-signature", Own, "The CRL carries the name of a CA that did not sign it. GnuTLS does not look at that: anyone who can write the file can revoke anybody.", fix},
		{"crl-foreign", Own, "The CRL is that of a CA that is not in the CA file. It has no effect. A warning where the file has no other: nobody is refused as revoked, and virtpki does not add to it.", "Take it out, or add the CA. Where the CA's own CRL was replaced, bring it back; " + fix},
		{"crl-superseded", Own, "The file has two CRLs of one CA's name. GnuTLS keeps the newer one and drops the entries that only the other has.", "Keep one CRL for each CA; give a new CA a name of its own (`virtpki ca rollover` does)."},
		{"crl-delta", Own, "The CRL is a delta. GnuTLS takes it for the whole list.", fix},
	}
}

func keyEntries() []Entry {
	return []Entry{
		{"key-broken", Own, "The file has no private key that GnuTLS reads. PKCS#8, PKCS#1 and SEC 1 in PEM are read; DER is not.", "Copy the file again, or issue the pair again."},
		{"key-encrypted", Own, "The key is encrypted. libvirt has no way to ask for a passphrase; QEMU takes it from a secret (default_tls_x509_secret_uuid and the like).", "`openssl pkey -in KEY -out NEW` takes the passphrase away."},
		{"key-mismatch", Own, "Key and certificate do not belong together: one of them was replaced alone.", reissueFix + " `virtpki rollback` restores the previous certificate and key."},
		{"key-mismatch-unseen", Own, "An Ed25519 key does not belong to its certificate, or an RSA key is damaged. GnuTLS compares key and certificate by a signature that such keys cannot make and goes on without: the daemon starts, and every handshake fails.", reissueFix},
		{"key-type-unknown", Own, "The certificate's key is of a type that GnuTLS cannot use: curves such as secp256k1 and brainpool, and ML-DSA, which needs GnuTLS 3.8.10 or later, built with leancrypto: those of Debian are not. virtpki looks at the machine's libgnutls.so.30.", reissueFix},
		{"key-unchecked", Own, "The key is of a type that virtpki cannot compare with a certificate (Ed448, DSA, ML-DSA where this GnuTLS has it).", "Nothing has to be done."},
		{"key-weak", Session, "A key on the chain is weaker than GnuTLS accepts: RSA below 1024 bits (2048 under the policies of RHEL).", reissueFix},
		{"key-not-for-tls", Session, "No handshake can be signed with such a key: P-224, P-192, DSA.", reissueFix},
		{"key-type-new", Session, "The key is one of ML-DSA, which this machine's GnuTLS can use. The other side needs GnuTLS 3.8.10 or later, built with leancrypto, too: a host with another one refuses the certificate.", "Nothing has to be done, unless such hosts connect."},
	}
}

func sessionEntries() []Entry {
	return []Entry{
		{"no-certificate", Session, "The client has no certificate to show. libvirtd logs \"No certificate was found\"; the client sees an input/output error.", "`virtpki issue client NAME --here`."},
		{"session-issuer-missing", Session, "The other side does not have the CA that signed the certificate in its CA file.", "Give the other side `/etc/pki/CA/cacert.pem` of the CA's host."},
		{"cert-revoked", Session, "The certificate is on the CRL that the other side reads.", "To admit its owner again: `virtpki renew --force` where the CA's key is; elsewhere `virtpki renew --force --via` or `virtpki request --new`, which the CA answers with `virtpki sign --after-revocation`. A plain `virtpki renew` does not renew a revoked certificate."},
		{"cert-usage-handshake", Session, "The key usage does not permit digital signatures. GnuTLS minds that in a handshake, critical or not; a client sends no certificate then.", reissueFix},
		{"cert-usage-old-tls", Session, "The key usage of a server's RSA key permits key encipherment alone. TLS 1.3 cannot use it, TLS 1.2 by static RSA alone.", reissueFix},
		{"subject-empty", Session, "The subject is empty. libvirt refuses such a peer, whether or not there is a list of allowed names.", reissueFix},
		{"subject-unreadable", Session, "GnuTLS has no text for the subject, for instance because of an empty CN or O.", reissueFix},
		{"subject-long", Session, "The text of the subject does not fit into the 256 bytes that old releases of libvirt have for it.", reissueFix},
		{"dn-refused", Session, "The client's subject is not on tls_allowed_dn_list.", "`virtpki dn match` tells which entries match; `virtpki dn lint` shows the mistakes in a list."},
		{"name-mismatch", Session, "The server's certificate is not for the name or address under which it is called. An address has to be among the IP addresses of the certificate, a name among its DNS names.", "`virtpki renew --san NAME`, where the CA's key is elsewhere with `--via`."},
	}
}
