package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"virtpki/internal/authority"
	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/keypair"
	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/pki"
)

func newCA(e *env, g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "The certificate authority",
		Long:  help("Make the certificate authority whose certificates every host and client trusts.", exitDone, exitError, exitUsage),
		Args:  cobra.NoArgs,
		RunE:  needsSubcommand,
	}
	cmd.AddCommand(newCAInit(e, g), newCAShow(e, g), newCAImport(e, g), newCAExport(e, g.Machine), newRollover(e, g))
	return cmd
}

// caOptions describe a CA to be made.
type caOptions struct {
	name     string
	keyType  string
	validity string
	permit   []string
	template string
}

const caInitHelp = `Make a CA: its key, its certificate, and a signed, empty CRL at the one place
where libvirt looks for it by default. A CA that is there is never overwritten.

The key is PKCS#8 with mode 0600. With --passphrase-file it is encrypted, in a
form that certtool and openssl read; every command that signs then needs the
passphrase. --permit limits what the CA's certificates may name, so that a
stolen CA key cannot impersonate the rest of the network: a domain limits the
names, a network the addresses, and what neither is given for is not limited.`

func newCAInit(e *env, g *globals) *cobra.Command {
	o := &caOptions{}
	cmd := &cobra.Command{
		Use:     "init --name NAME",
		Short:   "Make a CA",
		Long:    help(caInitHelp, exitDone, exitError, exitUsage, exitInterrupted),
		Example: "  virtpki ca init --name \"Example Org\"\n  virtpki ca init --name Lab --permit lab.example --permit 10.0.0.0/8 --passphrase-file /root/ca.pass",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.caInit(cmd.Context(), g, o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "`organisation` that the CA stands for")
	cmd.MarkFlagRequired("name")
	cmd.Flags().StringVar(&o.keyType, "key-type", string(pki.DefaultKeyType), "`type` of the key: "+keyTypeList())
	cmd.Flags().StringVar(&o.validity, "validity", pki.FormatValidity(pki.DefaultCAValidity), "how long the CA lives, a `duration` such as 30d or 10y")
	cmd.Flags().StringVar(&o.template, "template", "", "shape the certificate by `file`, see virtpki template")
	cmd.MarkFlagFilename("template", "json")
	o.addPermit(cmd.Flags())
	g.addPassphrase(cmd)
	g.addDryRun(cmd)
	completeKeyTypes(cmd)
	return cmd
}

func (o *caOptions) addPermit(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.permit, "permit", nil, "limit the CA to a `domain` or network (10.0.0.0/8); may be repeated")
}

// newAuthority is a CA with everything decided but its key.
type newAuthority struct {
	rawSubject []byte
	keyType    pki.KeyType
	validity   time.Duration
	permit     pki.Permit
	template   *pki.Template // nil for the built-in shape
}

// check turns the options into what they mean, or says what is wrong.
func (o *caOptions) check() (n newAuthority, err error) {
	var errs [4]error
	n.rawSubject, errs[0] = subject.ForCA(o.name)
	n.keyType, errs[1] = pki.ParseKeyType(o.keyType)
	n.validity, errs[2] = pki.ParseValidity(o.validity)
	n.permit, errs[3] = pki.ParsePermit(o.permit)
	return n, hint.Usage(hint.First(errs[:]...))
}

func (e *env) caInit(ctx context.Context, g *globals, o *caOptions) error {
	if err := g.CheckClock(); err != nil {
		return err
	}
	n, err := o.check()
	if err != nil {
		return err
	}
	if o.template != "" {
		if n.template, err = readTemplate(o.template); err != nil {
			return err
		}
	}
	keys := e.newKeyring(g)
	return e.change(ctx, g, []string{g.CAPath()}, func(j *change.Job) error {
		if err := refuseExisting(g.Machine); err != nil {
			return err
		}
		_, err := e.makeCA(j, g.Machine, keys, n)
		return err
	})
}

// refuseExisting is the error for a place where a CA, or a part of one, stands.
func refuseExisting(m *machine.Machine) error {
	a, err := authority.Open(m)
	crl := libvirt.CA(m.CAPath()).Path(libvirt.CACRL)
	switch {
	case errors.Is(err, authority.ErrNone) && m.Tree().Exists(crl):
		return fmt.Errorf("%s: the CRL of a CA whose certificate is missing", crl)
	case errors.Is(err, authority.ErrNone):
		return nil
	case err != nil:
		return err
	}
	return hint.With(fmt.Errorf("there is a CA already: %s in %s", subject.Of(a.CA.Certificate), a.Folder), "use another folder with --ca")
}

// noteUnlimited tells of a limit that leaves half open: constraints of one kind of name
// say nothing of the other (RFC 5280 section 4.2.1.10).
func noteUnlimited(j *change.Job, permit pki.Permit) {
	switch {
	case len(permit.DNSDomains) > 0 && len(permit.IPRanges) == 0:
		j.Note("the CA may sign for any address: --permit NETWORK limits those")
	case len(permit.IPRanges) > 0 && len(permit.DNSDomains) == 0:
		j.Note("the CA may sign for any name: --permit DOMAIN limits those")
	}
}

// makeCA plans a new CA: key, certificate, empty CRL.
func (e *env) makeCA(j *change.Job, m *machine.Machine, keys *change.Keyring, n newAuthority) (*authority.Authority, error) {
	layout := libvirt.CA(m.CAPath())
	signer, keyPEM, err := keyForCA(keys, layout.Path(libvirt.CAKey), n.keyType)
	if err != nil {
		return nil, err
	}
	noteUnlimited(j, n.permit)
	ca, err := pki.NewCA(pki.CARequest{RawSubject: n.rawSubject, Signer: signer, Now: e.here.Now(), Validity: n.validity, Permit: n.permit, Template: n.template})
	if err == nil && n.template != nil {
		err = e.judgeCA(ca.Certificate, libvirt.Target{})
	}
	if err != nil {
		return nil, err
	}
	a := &authority.Authority{Generation: authority.Generation{CA: *ca}, Folder: m.CAPath(), Layout: layout, Tree: m.Tree()}
	a.Certificates = append(a.Certificates, ca.Certificate)
	to := keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}
	if err := to.Folders(&j.Plan, store.RecordPath(libvirt.Records(a.Folder), ca.Certificate.SerialNumber)); err != nil {
		return nil, err
	}
	if err := hint.First(
		to.Write(&j.Plan, libvirt.CAKey, keyPEM),
		to.Write(&j.Plan, libvirt.CACert, pki.EncodeCertificates(ca.Certificate)),
		e.makeCRL(j, a, big.NewInt(1)),
	); err != nil {
		return nil, err
	}
	j.Made = append(j.Made, change.Placed{Cert: ca.Certificate, Path: a.Layout.Path(libvirt.CACert)})
	return a, nil
}

// makeCRL plans an empty CRL. libvirt goes on without a word when there is
// none, and a CRL that begins later would have to reach every host first.
func (e *env) makeCRL(j *change.Job, a *authority.Authority, number *big.Int) error {
	crl, err := a.CA.CRL(pki.CRLRequest{Number: number, Now: e.here.Now()})
	if err != nil {
		return err
	}
	a.CRL = pki.EncodeCRL(crl)
	return keypair.Dest{Layout: a.Layout, Owner: machine.Owner()}.Write(&j.Plan, libvirt.CACRL, a.CRL)
}

// keyForCA is the key for a new CA, and its file: the one that a run which was cut
// short has left, else a new one.
func keyForCA(k *change.Keyring, path string, t pki.KeyType) (signer crypto.Signer, data []byte, err error) {
	if data, err = machine.ReadIfThere(k.Tree, path); err != nil || data != nil {
		if err == nil {
			signer, err = k.OpenCA(path)
		}
		return signer, data, err
	}
	if signer, err = k.Key(caSlot, t); err == nil {
		data, err = k.EncodeCA(signer)
	}
	return signer, data, err
}

func keyTypeList() string {
	var names []string
	for _, t := range pki.KeyTypes() {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

func completeKeyTypes(cmd *cobra.Command) {
	completeFrom(cmd, "key-type", strings.Split(keyTypeList(), ", ")...)
}

// completeFrom offers fixed values for a flag.
func completeFrom(cmd *cobra.Command, flag string, values ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
