# At step-ca, as the user that owns its directory ({{server}} and {{client}} are free names):
# two provisioners whose certificates every libvirt and QEMU takes. The key usage of step-ca's
# own template is refused by libvirt before 11.6, and 24 hours are too short for a daily renewal.
umask 077
cat >{{server}}.tpl <<'TEMPLATE'
{
	"subject": {{ toJson .Insecure.CR.Subject }},
	"sans": {{ toJson .SANs }},
	"basicConstraints": {"isCA": false, "maxPathLen": 0},
{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
	"keyUsage": ["digitalSignature", "keyEncipherment"],
{{- end }}
	"extensions": [{"id": "2.5.29.37", "critical": true, "value": "MAoGCCsGAQUFBwMB"}]
}
TEMPLATE
cat >{{client}}.tpl <<'TEMPLATE'
{
	"subject": {{ toJson .Insecure.CR.Subject }},
	"basicConstraints": {"isCA": false, "maxPathLen": 0},
{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
	"keyUsage": ["digitalSignature", "keyEncipherment"],
{{- end }}
	"extensions": [{"id": "2.5.29.37", "critical": true, "value": "MAoGCCsGAQUFBwMC"}]
}
TEMPLATE
for name in {{server}} {{client}}; do
	[ -s $name.password ] || head -c 24 /dev/urandom | base64 >$name.password
	step ca provisioner add $name --type JWK --create --password-file $name.password \
		--x509-template $name.tpl --x509-default-dur 2160h --x509-max-dur 8760h
done
# A CRL that names a certificate as soon as it is revoked; virtpki fetches it every day.
sed -i '2i "crl": {"enabled": true, "generateOnRevoke": true},' "$(step path)/config/ca.json"
# Restart step-ca now (systemctl restart step-ca). Copy the two .password files to the host,
# mode 0600. The fingerprint that the host needs:
step certificate fingerprint "$(step path)/certs/root_ca.crt"
