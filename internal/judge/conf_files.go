package judge

import (
	"fmt"
	"path/filepath"
	"strings"

	"virtpki/internal/libvirt"
	"virtpki/internal/termtext"
)

// files checks the settings that name PKI files.
func (j *confJudge) files() {
	named := make(map[string]string)
	for _, s := range libvirt.FileSettings(j.conf) {
		named[s.Name] = s.Value.Str()
	}
	if j.lists(named) {
		return
	}
	_, ca := named["ca_file"]
	_, cert := named["cert_file"]
	_, key := named["key_file"]
	crl, crlSet := named["crl_file"]
	switch {
	case ca && cert && key:
		j.explicit(named, crl, crlSet)
	case ca || cert || key:
		j.partial(named)
	case crlSet:
		j.crlAlone(crl)
	}
	for _, s := range libvirt.FileSettings(j.conf) {
		if path := s.Value.Str(); path != "" && !filepath.IsAbs(path) {
			j.say("file-relative", Error, j.absolute(s.Name, path), "%s is %q, which is not an absolute path: it is relative to the directory in which the daemon starts", s.Name, path)
		}
	}
}

// absolute returns the command that makes a relative path absolute, if the daemon then finds the
// file.
func (j *confJudge) absolute(name, path string) string {
	first, last, shared := j.conf.Extent(name)
	if first != last || shared || !j.Exists("/"+path) || strings.ContainsAny(path, `|&\"'`) {
		return ""
	}
	return fmt.Sprintf("sed -i '%ds|.*|%s = \"/%s\"|' %s", first, name, filepath.Clean(path), termtext.ShellWord(j.File.Path))
}

// lists checks cert_files and key_files, of libvirt 11.10 and later.
func (j *confJudge) lists(named map[string]string) bool {
	_, certs := j.conf.Lookup("cert_files")
	_, keys := j.conf.Lookup("key_files")
	if !certs && !keys {
		return false
	}
	if _, err := libvirt.NamedFiles(j.conf); err != nil {
		j.say("files-partial", Error, "", "%v", err)
	} else if _, ok := named["ca_file"]; !ok {
		j.say("files-partial", Error, "", "ca_file is not set although cert_files and key_files are: the daemon does not start")
	} else if !j.Release.AtLeast(11, 10) || j.Release.Product == "" {
		j.say("files-lists", Warning, j.single(), "cert_files and key_files are unknown to libvirt before 11.10, which does not start with only ca_file")
	}
	return true
}

// single returns the command that replaces lists with one file by settings that every release
// knows.
func (j *confJudge) single() string {
	cert, _ := j.conf.Lookup("cert_files")
	key, _ := j.conf.Lookup("key_files")
	if len(cert.List()) != 1 || len(key.List()) != 1 || strings.ContainsAny(cert.List()[0]+key.List()[0], `'"\%`) {
		return ""
	}
	muteCert, muteKey := j.mute("cert_files"), j.mute("key_files")
	if muteCert == "" || muteKey == "" {
		return ""
	}
	return fmt.Sprintf(`%s && %s && printf '\ncert_file = "%s"\nkey_file = "%s"\n' >>%s`, muteCert, muteKey, cert.List()[0], key.List()[0], termtext.ShellWord(j.File.Path))
}

// partial is about files of which only one or two of the three are set.
func (j *confJudge) partial(named map[string]string) {
	var missing []string
	for _, name := range []string{"ca_file", "cert_file", "key_file"} {
		if _, ok := named[name]; !ok {
			missing = append(missing, name)
		}
	}
	j.say("files-partial", Error, "virtpki config "+j.Daemon.Name+" --apply", "%s %s not set although the rest of ca_file, cert_file and key_file is: the daemon does not start",
		strings.Join(missing, " and "), isAre(len(missing)))
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// explicit is about all three being set: the daemon then reads the CRL that its configuration file
// names, or none.
func (j *confJudge) explicit(named map[string]string, crl string, crlSet bool) {
	for _, name := range []string{"ca_file", "cert_file", "key_file"} {
		if named[name] == "" {
			j.say("file-empty", Error, "virtpki config "+j.Daemon.Name+" --apply", "%s is empty: libvirt 12.8 does not start, and up to 11.3 no client is admitted", name)
			return
		}
	}
	standard := j.Layout.Path(libvirt.CACRL)
	switch {
	case !crlSet:
		fix := ""
		if j.Exists(standard) {
			fix = fmt.Sprintf(`printf '\ncrl_file = "%s"\n' >>%s`, standard, termtext.ShellWord(j.File.Path))
		}
		j.say("no-crl-file", Warning, fix, "ca_file, cert_file and key_file are set and crl_file is not: the daemon reads no CRL, and admits revoked clients")
	case crl == "":
		j.sayCRL("is empty")
	case !j.Exists(crl):
		j.sayCRL(fmt.Sprintf("names %s, which does not exist", crl))
	}
}

// sayCRL is about a crl_file that does not lead to a file.
func (j *confJudge) sayCRL(how string) {
	fix := ""
	if standard := j.Layout.Path(libvirt.CACRL); j.Exists(standard) {
		if first, last, shared := j.conf.Extent("crl_file"); first == last && !shared {
			fix = fmt.Sprintf(`sed -i '%ds|.*|crl_file = "%s"|' %s`, first, standard, termtext.ShellWord(j.File.Path))
		}
	}
	if j.Release.AtLeast(11, 10) {
		j.say("crl-file-gone", Error, fix, "crl_file %s: libvirt 12.8 does not start, and up to 11.3 it silently reads no CRL", how)
		j.from(11, 10)
		return
	}
	j.say("crl-file-gone", Warning, fix, "crl_file %s: no CRL is read, without a warning", how)
}

// crlAlone is about a crl_file without the other three: the daemon ignores it.
func (j *confJudge) crlAlone(crl string) {
	standard := j.Layout.Path(libvirt.CACRL)
	if crl == standard {
		j.say("crl-file-alone", Note, j.mute("crl_file"), "crl_file alone has no effect; it names the CRL that libvirt reads anyway")
		return
	}
	fix := j.mute("crl_file")
	if fix != "" && j.Exists(crl) && !j.Exists(standard) {
		fix = fmt.Sprintf("cp %s %s && %s", termtext.ShellWord(filepath.Join(j.Root, crl)), termtext.ShellWord(filepath.Join(j.Root, standard)), fix)
	}
	j.say("crl-file-alone", Warning, fix, "libvirt ignores crl_file without ca_file, cert_file and key_file: it reads %s", standard)
}
