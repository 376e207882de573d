// Command vnctls is a VNC client that gets as far as the guest's screen size, over
// TLS or not at all. Tests run it on the hosts of a lab.
//
//	vnctls [-cert FILE -key FILE] CA NAME ADDRESS:PORT
//
// It speaks RFB 3.8 with the security type VeNCrypt, sub-type X509None (QEMU,
// ui/vnc-auth-vencrypt.c; the VeNCrypt page of the RFB protocol), and checks the
// server's certificate against the file CA and the host name NAME. It prints the
// certificate's serial number and the name of the guest.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	cert := flag.String("cert", "", "client certificate")
	key := flag.String("key", "", "its key")
	flag.Parse()
	if err := run(flag.Arg(0), flag.Arg(1), flag.Arg(2), *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "vnctls:", err)
		os.Exit(1)
	}
}

func run(ca, name, address, cert, key string) error {
	config, err := configure(ca, name, cert, key)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := negotiate(conn); err != nil {
		return err
	}
	secure := tls.Client(conn, config)
	if err := secure.Handshake(); err != nil {
		return err
	}
	fmt.Printf("serial %X\n", secure.ConnectionState().PeerCertificates[0].SerialNumber.Bytes())
	return greet(secure)
}

func configure(ca, name, cert, key string) (*tls.Config, error) {
	data, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: name}
	if !config.RootCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: no certificate", ca)
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Numbers of the protocol.
const (
	vencrypt = 19
	x509None = 260
)

// negotiate goes through the plain part, up to where TLS begins.
func negotiate(conn io.ReadWriter) error {
	s := &session{rw: conn}
	s.read(12) // "RFB 003.008\n"
	s.write([]byte("RFB 003.008\n"))
	types := s.read(int(s.read(1)[0]))
	if s.err == nil && !contains(types, vencrypt) {
		return fmt.Errorf("the server offers the security types %v, and not VeNCrypt", types)
	}
	s.write([]byte{vencrypt})
	s.read(2) // its version of VeNCrypt, 0.2
	s.write([]byte{0, 2})
	if status := s.read(1)[0]; s.err == nil && status != 0 {
		return errors.New("the server refuses VeNCrypt 0.2")
	}
	subtypes := s.read(4 * int(s.read(1)[0]))
	if s.err == nil && !contains(subtypes, x509None&0xff) {
		return fmt.Errorf("the server offers the sub-types %v, and not X509None", subtypes)
	}
	s.write(binary.BigEndian.AppendUint32(nil, x509None))
	if accepted := s.read(1)[0]; s.err == nil && accepted != 1 {
		return errors.New("the server refuses X509None")
	}
	return s.err
}

// greet goes on inside TLS, up to the name of the guest.
func greet(conn io.ReadWriter) error {
	s := &session{rw: conn}
	if result := binary.BigEndian.Uint32(s.read(4)); s.err == nil && result != 0 {
		return fmt.Errorf("the server refuses: security result %d", result)
	}
	s.write([]byte{1}) // others may stay
	size := s.read(24)
	name := s.read(int(binary.BigEndian.Uint32(size[20:])))
	if s.err == nil {
		fmt.Printf("guest %s\n", name)
	}
	return s.err
}

// session reads and writes until the first error.
type session struct {
	rw  io.ReadWriter
	err error
}

// read reads n bytes; after an error they are zeros.
func (s *session) read(n int) []byte {
	b := make([]byte, min(n, 1<<16))
	if s.err == nil {
		_, s.err = io.ReadFull(s.rw, b)
	}
	return b
}

func (s *session) write(b []byte) {
	if s.err == nil {
		_, s.err = s.rw.Write(b)
	}
}

func contains(list []byte, want byte) bool {
	for _, b := range list {
		if b == want {
			return true
		}
	}
	return false
}
