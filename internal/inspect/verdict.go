package inspect

import "virtpki/internal/judge"

// Verdict is what all findings on a role come to; its JSON form is stable.
type Verdict struct {
	Role  string `json:"role"`
	Says  string `json:"says"`
	Works bool   `json:"works"`
	// Unknown is whether something that decides it could not be seen.
	Unknown bool `json:"unknown,omitempty"`
}

// party is what a verdict is about.
type party struct {
	role    string // server, client, ca or qemu
	program string // that reads the files; empty for files by themselves
	silent  bool   // a daemon that does not listen for TLS
}

// verdict is what findings on a role come to.
func verdict(s party, found []judge.Finding) Verdict {
	v := Verdict{Role: s.role, Works: true}
	refusedAt := judge.Stage("")
	for _, f := range found {
		switch {
		case f.ID == "ends-soon": // it works today
		case f.ID == "no-client-pair":
			v.Works = false
		case f.Level == judge.Error && (refusedAt == "" || refusedAt == judge.Session):
			refusedAt, v.Works = f.Stage, false
		case f.ID == "unseen":
			v.Unknown = true
		}
	}
	v.Unknown = v.Unknown && refusedAt == ""
	v.Says = s.text(v, refusedAt)
	return v
}

func (s party) text(v Verdict, refusedAt judge.Stage) string {
	switch s.role {
	case "server":
		return s.serverText(v, refusedAt)
	case "client":
		return s.clientText(v, refusedAt)
	case "qemu":
		return v.choose("QEMU could use "+s.program, "QEMU could not use "+s.program)
	}
	return v.choose("the CA is in order", "the CA is not in order")
}

func (s party) serverText(v Verdict, refusedAt judge.Stage) string {
	switch {
	case s.program == "":
		return v.choose("libvirtd would start on these files", "libvirtd would not start on these files")
	case refusedAt == judge.Session:
		return s.program + " would start, and no client would get in"
	case s.silent:
		return v.choose(s.program+" would start; it does not listen for TLS", s.program+" would not start")
	}
	return v.choose(s.program+" would start", s.program+" would not start")
}

func (s party) clientText(v Verdict, refusedAt judge.Stage) string {
	from := "from here"
	if s.program == "" {
		from = "with these files"
	}
	switch {
	case refusedAt == judge.Session:
		return "virsh would connect " + from + ", and be refused"
	case !v.Works && refusedAt == "":
		return "virsh would be refused " + from + ": there is no client certificate"
	}
	return v.choose("virsh would connect "+from, "virsh would not connect "+from)
}

func (v Verdict) choose(yes, no string) string {
	switch {
	case !v.Works:
		return no
	case v.Unknown:
		return "as far as you may see, " + yes
	}
	return yes
}
