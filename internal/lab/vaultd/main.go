// Command vaultd runs the Vault of package labvault on a host of the lab.
//
//	vaultd NAME FILE
//
// It serves https://NAME:8200 until it is killed. FILE gets the certificate of the CA that has signed
// the server's own; it exists as soon as the server listens.
package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"

	"virtpki/internal/lab/labvault"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: vaultd NAME FILE")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "vaultd:", run(os.Args[1], os.Args[2]))
	os.Exit(1)
}

// run serves until that fails.
func run(name, file string) error {
	vault, pair, err := labvault.New(name)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", ":8200", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, vault.Cert, 0o644); err != nil {
		return err
	}
	return http.Serve(listener, vault)
}
