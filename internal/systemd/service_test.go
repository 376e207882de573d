package systemd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"virtpki/internal/store"
)

func at(root string) Machine { return Machine{Tree: store.At(root), Root: root} }

// write makes files below root; a text that begins with "-> " is a link.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

const (
	lib   = "usr/lib/systemd/system/libvirtd.service"
	etc   = "etc/systemd/system/libvirtd.service"
	run   = "run/systemd/system/libvirtd.service"
	begin = "[Service]\n"
	deb   = begin + "Environment=LIBVIRTD_ARGS=\"--timeout 120\"\nEnvironmentFile=-/etc/default/libvirtd\nExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS\n"
)

type files = map[string]string

func TestArgv(t *testing.T) {
	for _, c := range []struct {
		title string
		files files
		want  string // words with | between them, "none" where nothing runs the program
		last  string // the file of the last word
	}{
		{"as Debian has it", files{lib: deb}, "/usr/sbin/libvirtd|--timeout|120", lib},
		{"the environment file goes before Environment=", files{lib: deb, "etc/default/libvirtd": "LIBVIRTD_ARGS=--listen"}, "/usr/sbin/libvirtd|--listen", "etc/default/libvirtd"},
		{"whatever their order", files{lib: begin + "EnvironmentFile=/f\nEnvironment=A=env\nExecStart=/libvirtd $A\n", "f": "A=file"}, "/libvirtd|file", "f"},
		{"the later file goes before the earlier", files{lib: begin + "EnvironmentFile=/f\nEnvironmentFile=/g\nExecStart=/libvirtd $A\n", "f": "A=f", "g": "A=g"}, "/libvirtd|g", "g"},
		{"an empty EnvironmentFile= forgets them", files{lib: deb, etc + ".d/a.conf": begin + "EnvironmentFile=\n", "etc/default/libvirtd": "LIBVIRTD_ARGS=-l"}, "/usr/sbin/libvirtd|--timeout|120", lib},
		{"an empty Environment= forgets them", files{lib: deb, etc + ".d/a.conf": begin + "Environment=\n"}, "/usr/sbin/libvirtd", lib},
		{"a path that is not absolute is no file", files{lib: begin + "EnvironmentFile=f\nExecStart=/libvirtd $A\n", "f": "A=f"}, "/libvirtd", lib},
		{"a pattern is many files", files{lib: begin + "EnvironmentFile=/d/*.env\nExecStart=/libvirtd $A $B\n", "d/1.env": "A=1", "d/2.env": "A=2", "d/.x.env": "B=3"}, "/libvirtd|2", "d/2.env"},
		{"the last variable counts, though empty", files{lib: deb, "etc/default/libvirtd": "LIBVIRTD_ARGS=--listen\nLIBVIRTD_ARGS=\n"}, "/usr/sbin/libvirtd", lib},
		{"several in one line", files{lib: begin + "Environment=A=1 \"B=2 3\" C\nExecStart=/libvirtd $A $B\n"}, "/libvirtd|1|2|3", lib},
		{"UnsetEnvironment= by name", files{lib: deb + "UnsetEnvironment=LIBVIRTD_ARGS\n"}, "/usr/sbin/libvirtd", lib},
		{"UnsetEnvironment= of another value", files{lib: deb + "UnsetEnvironment=LIBVIRTD_ARGS=-l\n"}, "/usr/sbin/libvirtd|--timeout|120", lib},

		{"a drop-in's variable", files{lib: deb, etc + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=--listen\n"}, "/usr/sbin/libvirtd|--listen", etc + ".d/a.conf"},
		{"a drop-in's command", files{lib: deb, etc + ".d/a.conf": begin + "ExecStart=\nExecStart=/usr/sbin/libvirtd -l\n"}, "/usr/sbin/libvirtd|-l", etc + ".d/a.conf"},
		{"without the reset the first command stays", files{lib: deb, etc + ".d/a.conf": begin + "ExecStart=/usr/sbin/libvirtd -l\n"}, "/usr/sbin/libvirtd|--timeout|120", lib},
		{"drop-ins by name, whatever directory", files{lib: deb, etc + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=etc\n", lib + ".d/b.conf": begin + "Environment=LIBVIRTD_ARGS=lib\n"}, "/usr/sbin/libvirtd|lib", lib + ".d/b.conf"},
		{"of one name /etc counts", files{lib: deb, etc + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=etc\n", run + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=run\n", lib + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=lib\n"}, "/usr/sbin/libvirtd|etc", etc + ".d/a.conf"},
		{"/run before /usr/lib", files{lib: deb, run + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=run\n", lib + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=lib\n"}, "/usr/sbin/libvirtd|run", run + ".d/a.conf"},
		{"a masked drop-in", files{lib: deb, etc + ".d/a.conf": "-> /dev/null", lib + ".d/a.conf": begin + "Environment=LIBVIRTD_ARGS=lib\n"}, "/usr/sbin/libvirtd|--timeout|120", lib},
		{"no drop-in without .conf", files{lib: deb, etc + ".d/a": begin + "Environment=LIBVIRTD_ARGS=x\n"}, "/usr/sbin/libvirtd|--timeout|120", lib},
		{"a drop-in for all services", files{lib: deb, "etc/systemd/system/service.d/a.conf": begin + "Environment=LIBVIRTD_ARGS=all\n"}, "/usr/sbin/libvirtd|all", "etc/systemd/system/service.d/a.conf"},
		{"systemctl set-property and edit --runtime", files{lib: deb, "run/systemd/system.control/libvirtd.service.d/a.conf": begin + "Environment=LIBVIRTD_ARGS=x\n"}, "/usr/sbin/libvirtd|x", "run/systemd/system.control/libvirtd.service.d/a.conf"},
		{"/etc's unit takes the place of the distribution's", files{lib: deb, etc: begin + "ExecStart=/usr/sbin/libvirtd -l\n"}, "/usr/sbin/libvirtd|-l", etc},
		{"/run's unit before /usr/lib's", files{lib: deb, run: begin + "ExecStart=/usr/sbin/libvirtd -d\n"}, "/usr/sbin/libvirtd|-d", run},
		{"/lib where /usr is not merged", files{"lib/systemd/system/libvirtd.service": deb}, "/usr/sbin/libvirtd|--timeout|120", "lib/systemd/system/libvirtd.service"},
		{"a masked unit", files{lib: deb, etc: "-> /dev/null"}, "none", ""},
		{"a masked unit with a drop-in", files{lib: deb, etc: "", etc + ".d/a.conf": begin + "ExecStart=\nExecStart=/libvirtd -l\n"}, "none", ""},
		{"a default is not for command lines", files{lib: begin + "Environment=A=1 D=2\nExecStart=/libvirtd ${D:-x} x${D:+${A}\n"}, "/libvirtd|${D:-x}|x${D:+1", lib},
		{"a unit that is a link", files{lib: deb, etc: "-> /opt/libvirtd.service", "opt/libvirtd.service": begin + "ExecStart=/libvirtd -l\n"}, "/libvirtd|-l", etc},
		{"the wrong section", files{lib: "[Unit]\nExecStart=/libvirtd\n"}, "none", ""},

		{"$NAME is split, ${NAME} is not", files{lib: begin + "Environment=\"A=x y\"\nExecStart=/libvirtd ${A} $A -f${A}\n"}, "/libvirtd|x y|x|y|-fx y", lib},
		{"$NAME in a word is none", files{lib: begin + "Environment=A=1\nExecStart=/libvirtd -f$A $A.c a$$A\n"}, "/libvirtd|-f$A|a$A", lib},
		{"quotes in a variable", files{lib: begin + "EnvironmentFile=/f\nExecStart=/libvirtd $A\n", "f": `A='-f "/a b"' `}, "/libvirtd|-f|/a b", "f"},
		{"what is not set is nothing, or empty", files{lib: begin + "ExecStart=/libvirtd $A ${A}\n"}, "/libvirtd|", lib},
		{"a colon before it: no variables", files{lib: begin + "Environment=A=1\nExecStart=:/libvirtd $A ${A}\n"}, "/libvirtd|$A|${A}", lib},
		{"other characters before it", files{lib: begin + "ExecStart=-+/libvirtd -l\n"}, "/libvirtd|-l", lib},
		{"a brace without its end", files{lib: begin + "ExecStart=/libvirtd ${A\n"}, "/libvirtd|${A", lib},
		{"specifiers", files{lib: begin + "ExecStart=/libvirtd -f /etc/%N/%p.conf %% %n %t\n"}, "/libvirtd|-f|/etc/libvirtd/libvirtd.conf|%|libvirtd.service|/run", lib},
		{"a specifier that is not known stays", files{lib: begin + "ExecStart=/libvirtd %H\n"}, "/libvirtd|%H", lib},
		{"specifiers in a variable", files{lib: begin + "Environment=A=%p\nExecStart=/libvirtd $A\n"}, "/libvirtd|libvirtd", lib},
		{"none in an environment file", files{lib: begin + "EnvironmentFile=/f\nExecStart=/libvirtd $A\n", "f": "A=%p"}, "/libvirtd|%p", "f"},
		{"a line that goes on", files{lib: begin + "ExecStart=/libvirtd \\\n  # with\n  -l\n"}, "/libvirtd|-l", lib},
		{"quotes and escapes", files{lib: begin + `ExecStart=/libvirtd "-f" '/a b' \x2dl` + "\n"}, "/libvirtd|-f|/a b|-l", lib},
		{"a semicolon parts commands", files{lib: begin + "ExecStart=/bin/true ; /libvirtd -l\n"}, "/libvirtd|-l", lib},
		{"an escaped one does not", files{lib: begin + "ExecStart=/libvirtd \\; -l;\n"}, "/libvirtd|;|-l;", lib},
		{"an unbalanced quote ends the file", files{lib: deb, etc + ".d/a.conf": begin + "ExecStart=\nExecStart=/libvirtd \"-l\nExecStart=/libvirtd -d\n", etc + ".d/b.conf": begin + "ExecStart=/libvirtd b\n"}, "/libvirtd|b", etc + ".d/b.conf"},
		{"another program starts it", files{lib: begin + "ExecStart=/usr/bin/env A=1 /usr/sbin/libvirtd -l\n"}, "/usr/sbin/libvirtd|-l", lib},
		{"another program", files{lib: begin + "ExecStart=/usr/local/bin/start-virt\n"}, "none", ""},
	} {
		t.Run(c.title, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, c.files)
			service, err := at(root).Service("libvirtd.service")
			if err != nil {
				t.Fatal(err)
			}
			args, ok := service.Argv("libvirtd")
			got, last := "none", ""
			if ok {
				var words []string
				for _, arg := range args {
					words, last = append(words, arg.Text), strings.TrimPrefix(arg.File, "/")
				}
				got = strings.Join(words, "|")
			}
			if got != c.want || last != c.last {
				t.Errorf("%s by %s, want %s by %s", got, last, c.want, c.last)
			}
		})
	}
}

func TestServiceMissing(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{etc + ".d/a.conf": begin + "ExecStart=/libvirtd\n", lib: "[Service\nExecStart=/libvirtd\n"})
	if _, err := at(root).Service("virtproxyd.service"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no unit: %v", err)
	}
	if _, err := at(root).Service("libvirtd.service"); !errors.Is(err, errSection) {
		t.Errorf("a broken unit: %v", err)
	}
}

func TestWants(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{lib: "[Unit]\nWants=a.socket b.socket\nRequires=c.socket\nAfter=d.socket\n[Service]\nSockets=%p-tls.socket\n",
		etc + ".d/a.conf": "[Unit]\nWants=\nBindsTo=e.socket\n"})
	service, err := at(root).Service("libvirtd.service")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(service.Wants, " "); got != "a.socket b.socket c.socket libvirtd-tls.socket e.socket" {
		t.Errorf("wants %s", got)
	}
}

func TestUnits(t *testing.T) {
	root := t.TempDir()
	write(t, root, files{"usr/lib/systemd/system/a.socket": "[Socket]\n", "etc/systemd/system/b.socket": "-> /dev/null", "usr/lib/systemd/system/b.socket": "[Socket]\n",
		"run/systemd/system/c.socket": "", "etc/systemd/system/sockets.target.wants/a.socket": "-> /usr/lib/systemd/system/a.socket",
		"usr/lib/systemd/system/d.service.requires/b.socket": "-> ../b.socket", "etc/systemd/system/e.socket": "-> /nowhere"})
	m := at(root)
	for _, c := range []struct {
		name        string
		has, masked bool
		wanted      string
	}{
		{"a.socket", true, false, "/etc/systemd/system/sockets.target.wants/a.socket"},
		{"b.socket", true, true, "/usr/lib/systemd/system/d.service.requires/b.socket"},
		{"c.socket", true, true, ""},
		{"e.socket", true, false, ""},
		{"f.socket", false, false, ""},
	} {
		if has, masked, wanted := m.Has(c.name), m.Masked(c.name), m.WantedBy(c.name, "sockets.target", "d.service"); has != c.has || masked != c.masked || wanted != c.wanted {
			t.Errorf("%s: has %t, masked %t, wanted by %q; want %+v", c.name, has, masked, wanted, c)
		}
	}
	if !m.Managed() || at(t.TempDir()).Managed() {
		t.Error("Managed is wrong")
	}
}

func TestDropInFolders(t *testing.T) {
	got := strings.Join(dropInFolders("libvirtd-tls.socket"), "\n")
	for _, want := range []string{"/etc/systemd/system/libvirtd-tls.socket.d", "/etc/systemd/system/libvirtd-.socket.d", "/etc/systemd/system/socket.d"} {
		if !strings.Contains(got+"\n", want+"\n") {
			t.Errorf("%s is not among them", want)
		}
	}
}
