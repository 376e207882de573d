package judge

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"virtpki/internal/libvirt"
)

// pairPresence looks for a missing certificate or key.
func (j *placeJudge) pairPresence(role Role, certFile, keyFile libvirt.File) {
	cert, key := j.Files[certFile], j.Files[keyFile]
	switch {
	case cert.absent() && cert.Target != "":
		j.pairNowhere(role, cert, !key.absent())
	case key.absent() && key.Target != "":
		j.pairNowhere(role, key, !cert.absent())
	case cert.absent() && key.absent():
		j.noPair(role, cert)
	case cert.absent():
		j.halfPair(role, cert, key, "certificate", "key")
	case key.absent():
		j.halfPair(role, key, cert, "key", "certificate")
	}
}

// pairNowhere is about a dangling link in the place of one half of a pair; half reports whether the
// other half exists.
func (j *placeJudge) pairNowhere(role Role, spot Spot, half bool) {
	level, stage, what := j.withoutPair(role, half)
	j.nowhere(spot, level, stage, what)
}

// nowhere is about a dangling link.
func (j *placeJudge) nowhere(spot Spot, level Level, stage Stage, what string) {
	if errors.Is(spot.Err, syscall.ELOOP) {
		j.say(Finding{ID: "not-a-file", Level: level, File: spot.Path}, "a loop of links: %s", what)
	} else {
		j.say(Finding{ID: "dangling", Level: level, File: spot.Path}, "a link to %q, which does not exist: %s", spot.Target, what)
	}
	j.later(stage)
}

func (j *placeJudge) noPair(role Role, cert Spot) {
	switch {
	case j.Numbered && j.Release.Product != "" && j.Release.AtLeast(11, 10): // it is one of those
	case j.Kind == UserFolder && role == Client: // the system's is taken
	case role == Server && j.Kind == SystemTree:
		level := Note
		if j.Asked || j.Serves {
			level = Error
		}
		j.say(Finding{ID: "no-server-pair", Level: level, File: cert.Path}, "there is neither a server certificate nor its key: a daemon that listens for TLS does not start")
	case role == Client && j.Kind == SystemTree && !j.Asked:
		j.say(Finding{ID: "no-client-pair", Level: Note, File: cert.Path}, "there is neither a client certificate nor its key: servers refuse root's virsh, and other hosts refuse peer-to-peer migrations from here")
	case role == Client && j.Kind == SystemTree:
		j.say(Finding{ID: "no-client-pair", Level: Error, File: cert.Path}, "there is neither a client certificate nor its key: servers refuse root's virsh, and other hosts refuse peer-to-peer migrations from here")
		j.later(Session)
	case role == Client && j.Kind == FlatFolder:
		j.say(Finding{ID: "no-client-pair", Level: Error, File: cert.Path}, "there is neither a client certificate nor its key: virsh connects without one, and the server refuses it")
		j.later(Session)
	case j.Kind == QEMUFolder && !j.Files[libvirt.CACert].absent():
		j.say(Finding{ID: "no-" + string(role) + "-pair", Level: Note, File: cert.Path}, "there is neither a %s certificate nor its key: the uses that need them do not work", role)
	}
}

func (j *placeJudge) halfPair(role Role, missing, there Spot, what, other string) {
	level, stage, then := j.withoutPair(role, true)
	text := fmt.Sprintf("the %s is missing, and the %s %s is there", what, other, filepath.Base(there.Path))
	j.say(Finding{ID: "half-pair", Level: level, File: missing.Path}, "%s: %s", text, then)
	j.later(stage)
}

// neverOpened corrects the findings on a client's key that is never opened: libvirt before 11.10
// ignores a key without a certificate, even a broken one.
func (j *placeJudge) neverOpened(file libvirt.File, found []Finding) {
	if file != libvirt.ClientKey || !j.Files[libvirt.ClientCert].absent() {
		return
	}
	level, stage, _ := j.withoutPair(Client, true)
	for i := range found {
		if found[i].Level == Error {
			found[i].Level, found[i].Stage = level, stage
		}
	}
}

// withoutPair returns the effect of an incomplete pair: half of it is missing, or all. Before 11.10
// libvirt's clients ignore half a pair, and all releases go on without a pair.
func (j *placeJudge) withoutPair(role Role, half bool) (level Level, stage Stage, what string) {
	ends := half && j.Release.AtLeast(11, 10)
	switch {
	case j.Kind == QEMUFolder:
		return Error, Places, "QEMU refuses the files"
	case role == Server:
		return Error, Places, "the daemon does not start"
	case j.Kind == UserFolder && ends:
		return Error, Places, "libvirt before 11.10 silently uses the system's certificate and key, later releases do not connect"
	case j.Kind == UserFolder && half:
		return Warning, Places, "libvirt before 11.10 silently uses the system's certificate and key, later releases do not connect"
	case j.Kind == UserFolder:
		return Warning, Places, "virsh silently uses the system's certificate and key"
	case ends:
		return Error, Places, "libvirt before 11.10 connects without a certificate and is refused, later releases do not connect"
	case half:
		return Error, Session, "libvirt before 11.10 connects without a certificate and is refused, later releases do not connect"
	}
	return Error, Session, "virsh connects without a certificate, and the server refuses it"
}
