package gnutls

import "testing"

func TestAlgorithmName(t *testing.T) {
	for oid, want := range map[string]string{
		"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
		"2.16.840.1.101.3.4.3.20": "2.16.840.1.101.3.4.3.20", "1.2.3": "1.2.3", "": "",
	} {
		if got := AlgorithmName(oid); got != want {
			t.Errorf("%s: %q, want %q", oid, got, want)
		}
	}
}

// TestKeyAlgorithm reads subjectPublicKeyInfos, some of them cut short.
func TestKeyAlgorithm(t *testing.T) {
	mldsa := []byte{0x30, 0x10, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12, 0x03, 0x01, 0x00}
	if got := KeyAlgorithm(mldsa); got != "ML-DSA-65" {
		t.Errorf("got %q", got)
	}
	for n := range mldsa {
		if got := KeyAlgorithm(mldsa[:n]); got != "" {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}
