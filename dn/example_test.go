package dn_test

import (
	"fmt"

	"virtpki/dn"
)

func ExampleFromRDNSequence() {
	der, err := dn.Encode(`C=GB,O=Acme\, Inc.,CN=admin`)
	if err != nil {
		panic(err)
	}
	text, err := dn.FromRDNSequence(der)
	fmt.Println(text, err)
	_, err = dn.FromRDNSequence([]byte{0x30, 0})
	fmt.Println(err)
	// Output:
	// C=GB,O=Acme\, Inc.,CN=admin <nil>
	// GnuTLS refuses the subject: the subject is empty
}

func ExampleEncode() {
	der, err := dn.Encode("C=GB,CN=" + dn.Escape("Doe, John"))
	fmt.Printf("%x %v\n", der, err)
	_, err = dn.Encode("C=GB,O=,CN=admin")
	fmt.Println(err)
	// Output:
	// 3021310b30090603550406130247423112301006035504030c09446f652c204a6f686e <nil>
	// DN "C=GB,O=,CN=admin": O: empty value
}

func ExampleParse() {
	name, err := dn.Parse(`O=Acme\, Inc.,OU=a+OU=b`)
	fmt.Println(name[0][0].Value, len(name[1]), name, err)
	// Output: Acme, Inc. 2 O=Acme\, Inc.,OU=a+OU=b <nil>
}

func ExampleDiagnose() {
	d, err := dn.Diagnose("emailAddress=root@example.com, CN = admin, O = Acme, C = GB")
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Right)
	for _, p := range d.Problems {
		fmt.Println(p.Severity, p.ID)
	}
	// Output:
	// C=GB,O=Acme,CN=admin,EMAIL=root@example.com
	// error spaces
	// error spaces-around-equals
	// error type-spelling
	// warning reversed-order
}

func ExampleMatchGlob() {
	fmt.Println(dn.MatchGlob("O=Acme,CN=*", "O=Acme,CN=admin"))
	fmt.Println(dn.MatchGlob("O=Acme,CN=node[1-9]", "O=Acme,CN=node1"))
	fmt.Println(dn.MatchFnmatch("O=Acme,CN=node[1-9]", "O=Acme,CN=node1"))
	// Output:
	// true
	// false
	// true <nil>
}

func ExampleList_Match() {
	list := dn.Compile([]string{"O=Acme,CN=admin", "O=Acme,OU=ops,CN=*"}, dn.Glob)
	fmt.Println(list.Match("O=Acme,OU=ops,CN=jane"))
	fmt.Println(list.Match("O=Acme,CN=jane"))
	// Output:
	// 1 true
	// -1 false
}

func ExampleLint() {
	for _, a := range dn.Lint([]string{"CN=admin, O=Acme", "*CN=admin"}) {
		fmt.Printf("%d %s %s %q\n", a.Index, a.Severity, a.ID, a.Fix)
	}
	// Output:
	// 0 error spaces "CN=admin,O=Acme"
	// 0 warning reversed-order "O=Acme,CN=admin"
	// 1 warning leading-star ""
}

func ExampleExplain() {
	for _, miss := range dn.Explain("O=Acme,CN=admin", []string{"CN=admin,O=Acme", "O=Acme,CN=root"}, dn.Glob) {
		fmt.Println(miss.Index, miss.Reason, miss.Fix)
	}
	// Output:
	// 0 the RDNs are in reverse order; libvirt uses the order of the certificate O=Acme,CN=admin
	// 1 attribute 2: the pattern has "CN=root", the name "CN=admin"
}

func ExampleExact() {
	fmt.Println(dn.Exact(`O=Acme\, Inc.,CN=admin`))
	// Output:
	// O=Acme?, Inc.,CN=admin
}
