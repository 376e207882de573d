# At Vault, with VAULT_ADDR and a token of an administrator; for OpenBao: alias vault=bao.
# Two roles of the PKI engine at {{mount}} whose certificates every libvirt and QEMU takes. The
# key usage has to be empty: with Vault's default, libvirt before 11.6 refuses EC keys or warns.
vault write {{mount}}/roles/{{server}} server_flag=true client_flag=false \
	allow_any_name=true allow_ip_sans=true enforce_hostnames=false \
	key_type=any key_usage="" basic_constraints_valid_for_non_ca=true ttl=2160h max_ttl=8760h
vault write {{mount}}/roles/{{client}} server_flag=false client_flag=true \
	allow_any_name=true enforce_hostnames=false exclude_cn_from_sans=true use_csr_sans=false \
	key_type=any key_usage="" basic_constraints_valid_for_non_ca=true ttl=2160h max_ttl=8760h
# Vault drops the O and OU of a request. If tls_allowed_dn_list names them, let the roles set
# them: organization="Example Org" ou=...

# What a host may do: have its certificates signed. revoke and certs are for the host that
# revokes, the latter to find certificates by their names.
vault policy write virtpki - <<'POLICY'
path "{{mount}}/sign/{{server}}" { capabilities = ["create", "update"] }
path "{{mount}}/sign/{{client}}" { capabilities = ["create", "update"] }
path "{{mount}}/revoke" { capabilities = ["create", "update"] }
path "{{mount}}/certs" { capabilities = ["list"] }
POLICY

# How it logs in.
vault auth enable approle
vault write auth/approle/role/virtpki token_policies=virtpki token_ttl=5m token_max_ttl=10m
vault read -field=role_id auth/approle/role/virtpki/role-id
vault write -f -field=secret_id auth/approle/role/virtpki/secret-id
