package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"virtpki/internal/change"
	"virtpki/internal/hint"
	"virtpki/internal/issuer"
	"virtpki/internal/provision"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// issuerInitOptions are the flags of issuer init.
type issuerInitOptions struct {
	issuer.Answers
	config       string
	print, force bool
}

func newIssuerInit(e *env, g *globals) *cobra.Command {
	o := &issuerInitOptions{}
	cmd := &cobra.Command{
		Use:       "init step|vault",
		Short:     "Write the issuer's file, and print the setup of the CA",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: issuer.Kinds(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runIssuerInit(cmd.Context(), e, g, o, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", issuer.DefaultFile, "`file` to write")
	flags.BoolVar(&o.print, "print", false, "print the commands that set up the CA, and stop")
	flags.StringVar(&o.URL, "url", "", "`address` of the CA, https://...")
	flags.StringVar(&o.Root, "root-fingerprint", "", "SHA-256 `fingerprint` of the CA's root")
	flags.StringSliceVar(&o.Redirects, "redirect", nil, "another `host` of the CA, to which it may redirect; may be repeated")
	flags.StringVar(&o.CAFile, "ca-file", "", "`file` with the CA of the service's own certificate")
	flags.StringVar(&o.Server, "server", "", "provisioner or role for servers, a `name`")
	flags.StringVar(&o.Client, "client", "", "provisioner or role for clients, a `name`")
	flags.StringVar(&o.ServerSecret, "server-password-file", "", "step-ca: `file` with the password of the servers' provisioner")
	flags.StringVar(&o.ClientSecret, "client-password-file", "", "step-ca: `file` with the password of the clients' provisioner")
	flags.StringVar(&o.Mount, "mount", "", "Vault: `path` of the PKI engine")
	flags.StringVar(&o.Namespace, "namespace", "", "Vault: `name` of the namespace")
	flags.StringVar(&o.TokenFile, "token-file", "", "Vault: `file` with the token")
	flags.StringVar(&o.RoleID, "role-id", "", "Vault: `id` of the AppRole")
	flags.StringVar(&o.SecretIDFile, "secret-id-file", "", "Vault: `file` with the AppRole's secret-id")
	cmd.MarkFlagsMutuallyExclusive("token-file", "role-id")
	addForce(flags, &o.force)
	g.addDryRun(cmd)
	return cmd
}

func runIssuerInit(ctx context.Context, e *env, g *globals, o *issuerInitOptions, kind string) error {
	if o.print {
		_, err := io.WriteString(e.stdout, o.Setup(kind))
		return err
	}
	if err := o.Complete(kind, e.ask); err != nil {
		return err
	}
	c, err := o.Config(kind)
	if err != nil {
		return hint.Usage(err)
	}
	t, err := tryIssuer(ctx, g, c, pki.DefaultKeyType)
	if err != nil {
		if _, hinted := hint.Of(err); !hinted {
			err = hint.With(err, "nothing was written; virtpki issuer init %s --print shows the setup of the CA", kind)
		}
		return err
	}
	return e.change(ctx, g, nil, func(j *change.Job) error {
		c.NotePins(j, t)
		j.Next("virtpki issuer test --config %[1]s && virtpki bootstrap --issuer %[1]s", termtext.ShellWord(o.config))
		return c.Plan(j, o.config, o.force)
	})
}

// tryIssuer has the CA sign certificates of this host that nobody will use.
func tryIssuer(ctx context.Context, g *globals, c *issuer.Config, keyType pki.KeyType) (*issuer.Trial, error) {
	ids, err := provision.Naming{Kind: subject.Host}.IdentitiesHere(g.Machine, nil)
	if err != nil {
		return nil, err
	}
	i, err := issuer.New(c, g.Now)
	if err != nil {
		return nil, err
	}
	defer i.Close()
	return i.Try(ctx, ids, keyType)
}

func newIssuerTest(e *env, g *globals) *cobra.Command {
	var config, keyType string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Try the issuer, and judge its certificates as libvirt does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind, err := pki.ParseKeyType(keyType)
			if err != nil {
				return hint.Usage(err)
			}
			c, err := issuer.Load(config)
			if err != nil {
				return err
			}
			t, err := tryIssuer(cmd.Context(), g, c, kind)
			if err == nil {
				err = e.printVerdict(g, t)
			}
			if err == nil && t.Refused() {
				err = hint.ErrRefused
			}
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", issuer.DefaultFile, "`file` of the issuer")
	cmd.Flags().StringVar(&keyType, "key-type", string(pki.DefaultKeyType), "`type` of the keys: "+keyTypeList())
	cmd.MarkFlagFilename("config", "yaml")
	completeKeyTypes(cmd)
	return cmd
}
