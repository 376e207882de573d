package rpc

import (
	"encoding/binary"
	"time"
)

// flags appends the flags that end the arguments of every call; none is defined.
func flags(args []byte) []byte { return binary.BigEndian.AppendUint32(args, 0) }

// encodeClient returns an admin_nonnull_client. The daemon looks only at the server's name and
// the id, so the time and the transport stay zero.
func encodeClient(server string, id uint64) []byte {
	b := binary.BigEndian.AppendUint64(xdrString(nil, server), id)
	return append(b, make([]byte, 8+4)...)
}

func decodeServers(body []byte) ([]string, error) {
	x := xdrReader{rest: body}
	var names []string
	for range x.count(adminServersMax) {
		if names = append(names, x.string()); x.err != nil {
			break
		}
	}
	x.uint32() // the number of them once more
	return names, x.end()
}

func decodeClients(body []byte) ([]AdminClient, error) {
	x := xdrReader{rest: body}
	var clients []AdminClient
	for range x.count(adminClientsMax) {
		x.string() // the server
		clients = append(clients, AdminClient{
			ID:        x.uint64(),
			Connected: time.Unix(int64(x.uint64()), 0),
			Transport: Transport(x.uint32()),
		})
		if x.err != nil {
			break
		}
	}
	x.uint32() // the number of them once more
	return clients, x.end()
}

// decodeInfo fills in the typed parameters of a client; their names are those of
// include/libvirt/libvirt-admin.h, VIR_CLIENT_INFO_*.
func decodeInfo(body []byte, client *AdminClient) error {
	x := xdrReader{rest: body}
	for range x.count(adminParamsMax) {
		name, value := x.param()
		if x.err != nil {
			break
		}
		switch name {
		case "tls_x509_dname":
			client.DN, _ = value.(string)
		case "sock_addr":
			client.Address, _ = value.(string)
		case "readonly":
			client.ReadOnly, _ = value.(bool)
		}
	}
	return x.end()
}
