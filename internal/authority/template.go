package authority

import (
	"fmt"
	"strings"

	"virtpki/internal/hint"
	"virtpki/internal/store"
	"virtpki/internal/subject"
	"virtpki/internal/termtext"
	"virtpki/pki"
)

// ReadTemplates reads templates as they are typed, [ROLE=]FILE: for one role, or for all that
// have none of their own.
func ReadTemplates(items []string) (map[pki.Role]*pki.Template, error) {
	templates := make(map[pki.Role]*pki.Template)
	for _, item := range items {
		roles, file, err := templateRoles(item)
		if err != nil {
			return nil, err
		}
		template, err := ReadTemplate(file)
		if err != nil {
			return nil, err
		}
		for _, role := range roles {
			if templates[role] == nil || len(roles) == 1 {
				templates[role] = template
			}
		}
	}
	return templates, nil
}

// templateRoles splits [ROLE=]FILE. A file that exists may have any name.
func templateRoles(item string) ([]pki.Role, string, error) {
	role, file, ok := strings.Cut(item, "=")
	switch {
	case ok && (role == "server" || role == "client"):
		return []pki.Role{pki.Role(role)}, file, nil
	case ok && !strings.Contains(role, "/") && !store.Exists(item):
		return nil, "", hint.Usagef("--template: unknown role %s (server or client)", termtext.QuoteShort(role))
	}
	return []pki.Role{pki.Server, pki.Client}, item, nil
}

// CheckTemplates returns an error for a template for a role that the kind does not have: it would
// never be used.
func CheckTemplates(items []string, kind subject.Kind) error {
	for _, item := range items {
		if roles, _, err := templateRoles(item); err == nil && len(roles) == 1 && kind != subject.Host && roles[0] != pki.Role(kind) {
			return fmt.Errorf("--template %s is for a %s, but this is a %s", item, roles[0], kind)
		}
	}
	return nil
}

// maxTemplate is more than any template needs, in bytes.
const maxTemplate = 64 << 10

// ReadTemplate reads the template of a file.
func ReadTemplate(file string) (*pki.Template, error) {
	data, err := store.ReadFile(file, maxTemplate)
	if err != nil {
		return nil, err
	}
	template, err := pki.ParseTemplate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	template.Name = file
	return template, nil
}
