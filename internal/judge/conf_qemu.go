package judge

import (
	"errors"
	"fmt"
	"strings"

	"virtpki/internal/libvirt"
)

// InQEMUConf says what is wrong with qemu.conf as far as TLS goes. exists tells
// whether something stands at a path. The second result is the conf, nil where
// libvirt's QEMU driver does not read it.
func InQEMUConf(f File, exists func(path string) bool) ([]Finding, *libvirt.Conf) {
	say := func(id string, level Level, mend, format string, args ...any) Finding {
		return Finding{ID: id, Level: level, Stage: Conf, File: f.Path, Mend: mend, Text: fmt.Sprintf(format, args...)}
	}
	if f.Err != nil && !f.Absent() {
		return []Finding{say("unseen", Warning, "", "it could not be read, so it was not judged: %s", plainReason(f.Err))}, nil
	}
	conf, err := libvirt.ParseConf(f.Data)
	var confErr *libvirt.ConfError
	if errors.As(err, &confErr) {
		return []Finding{say("conf-refused", Error, "", "line %d, column %d: %s: libvirt's QEMU driver does not start", confErr.Line, confErr.Column, confErr.Msg)}, nil
	}
	var found []Finding
	for _, name := range conf.Names() {
		v, _ := conf.Lookup(name)
		if !strings.HasSuffix(name, "_tls_x509_cert_dir") || v.Str() == "" || exists(v.Str()) {
			continue
		}
		j := confJudge{DaemonConf: DaemonConf{File: f}, conf: conf}
		found = append(found, say("qemu-no-folder", Error, j.mute(name), "line %d: %s names %s, which does not exist: libvirt's QEMU driver does not start", conf.Line(name), name, v.Str()))
	}
	return found, conf
}
