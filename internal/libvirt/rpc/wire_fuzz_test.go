package rpc

import (
	"bytes"
	"testing"
)

// FuzzReply returns a daemon's bytes to everything that decodes them: no panic, nothing larger
// than the input, and a client list that is read is written back as it was.
func FuzzReply(f *testing.F) {
	h := header{adminProgram, adminVersion, 8, typeReply, 1, statusOK}
	f.Add(encodeMessage(h, join(words(1), xdrString(nil, "libvirtd"), words(0, 7, 0, 1700000000, 2), words(1))))
	f.Add(encodeMessage(h, join(words(2), xdrString(nil, "admin"), xdrString(nil, "libvirtd"), words(2))))
	f.Add(encodeMessage(h, join(words(2), param("sock_addr", paramString, xdrString(nil, "::1")), param("readonly", paramBoolean, words(1)))))
	f.Add(encodeMessage(h, join(words(96, 7, 1), xdrString(nil, "no client"), words(2, 0, 0))))
	f.Add(encodeMessage(h, words(2, 1, 2)))
	f.Add(encodeMessage(h, words(0, 12008000)))
	f.Add(encodeMessage(h, xdrString(nil, "SCRAM-SHA-256,GSSAPI")))
	f.Add(words(0xffffffff, 0, 0, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, body, err := readMessage(bytes.NewReader(data))
		if err != nil {
			return
		}
		if again := encodeMessage(h, body); !bytes.Equal(again, data[:len(again)]) {
			t.Errorf("%x is written back as %x", data, again)
		}
		if names, err := decodeServers(body); err == nil {
			size := 0
			for _, name := range names {
				size += 4 + len(name)
			}
			if size > len(body) {
				t.Errorf("%d bytes of names out of %d", size, len(body))
			}
		}
		if clients, err := decodeClients(body); err == nil && len(clients)*28 > len(body) {
			t.Errorf("%d clients out of %d bytes", len(clients), len(body))
		}
		var client AdminClient
		if err := decodeInfo(body, &client); err == nil && len(client.DN)+len(client.Address) > len(body) {
			t.Errorf("%+v out of %d bytes", client, len(body))
		}
		if types, err := decodeAuthTypes(body); err == nil && (len(types) > remoteAuthTypesMax || len(types)*4 > len(body)) {
			t.Errorf("%d authentications out of %d bytes", len(types), len(body))
		}
		if text, err := decodeText(body); err == nil && len(text) > len(body) {
			t.Errorf("%d bytes of text out of %d", len(text), len(body))
		}
		if version, err := decodeVersion(body); err == nil && len(body) != 8 {
			t.Errorf("version %s out of %d bytes", version, len(body))
		}
		if decodeError(body) == nil {
			t.Error("an error reply that is no error")
		}
	})
}
