#!/bin/sh
# Installs this client's certificate, key and CA certificates where libvirt reads them.
#
#   sh install.sh [-f]                  for you: ~/.pki/libvirt; for root: the system
#   sh install.sh [-f] DIRECTORY        for connections with ?pkipath=DIRECTORY
#   sh install.sh [-f] DIRECTORY USER   the same for a service, as root: its own files
#
# -f replaces other files that are there.
set -eu
umask 077
force=
if [ "${1-}" = -f ]; then force=yes; shift; fi
dir=${1-} user=${2-}
case $dir in '' | /*) ;; *) dir=$PWD/$dir ;; esac
cd "$(dirname "$0")"

fail() { echo "install.sh: $1" >&2; exit 1; }

# Files of a service are written by its own user: root follows no link in its directory.
if [ -n "$user" ]; then
	tar -cf - cacert.pem clientcert.pem clientkey.pem $(ls cacrl.pem 2>/dev/null) |
		su -s /bin/sh "$user" -c 'umask 077; mkdir -p "$0" && chmod 700 "$0" && cd "$0" || exit 1
			[ -n "$1" ] || [ ! -e clientkey.pem ] || { echo "install.sh: $0 has a key already: see -f" >&2; exit 1; }
			tar -xf - && chmod 600 *.pem' "$dir" "$force" || exit 1
	echo "installed in $dir for $user; connect with ?pkipath=$dir"
	exit 0
fi

# The system's directory: Homebrew's own on a Mac, where it depends on the processor.
case $(uname) in
Darwin) etc=$(brew --prefix 2>/dev/null || { [ -d /opt/homebrew/etc ] && echo /opt/homebrew; } || echo /usr/local)/etc ;;
FreeBSD) etc=/usr/local/etc ;;
*) etc=/etc ;;
esac

if [ -z "$dir" ] && [ "$(id -u)" = 0 ]; then
	ca=$etc/pki/CA cert=$etc/pki/libvirt key=$etc/pki/libvirt/private open=644 dirs=755
else
	ca=${dir:-$HOME/.pki/libvirt} open=600 dirs=700
	cert=$ca key=$ca
fi

ours() { # only this user and root make files in a directory
	case " 0 $(id -u) " in *" $(owner "$1/.") "*) ;; *) return 1 ;; esac
	set -- $(ls -ldn "$1/.")
	case $1 in
	d???????w*) return 1 ;;
	d????w*) [ "$4" = "$3" ] && [ "$3" != 0 ] ;; # a group of the user's own
	esac
}

sticky() { # nobody else can exchange an entry of a directory for all, such as /tmp
	case $(ls -ldn "$1/.") in d????????[tT]*) ;; *) return 1 ;; esac
	for entry in "$1/." "$2"; do
		case " 0 $(id -u) " in *" $(owner "$entry") "*) ;; *) return 1 ;; esac
	done
}

owner() { # the number of a file's owner; a link is not followed
	set -- $(ls -ldn "$1" 2>/dev/null)
	echo "${3-none}"
}

leads() { # nobody else can have a path lead elsewhere
	way=$1
	[ ! -d "$way" ] || ours "$way" || return 1
	while [ "$way" != / ]; do
		up=$(dirname "$way")
		[ ! -d "$up" ] || ours "$up" || sticky "$up" "$way" || return 1
		way=$up
	done
}

foreign() { fail "$1 can be changed by others: as root, name the user too"; }
[ -z "$dir" ] || leads "$dir" || foreign "$dir"

for pair in "cacert.pem $ca" "clientcert.pem $cert" "clientkey.pem $key"; do
	file=${pair%% *} to=${pair#* }
	[ -n "$force" ] || [ ! -e "$to/$file" ] || cmp -s "$file" "$to/$file" ||
		fail "$to/$file is there and differs: -f replaces it"
done

here=$PWD
put() ( # put FILE DIRECTORY MODE
	made=
	[ -d "$2" ] || { mkdir -p "$2" && made=yes; } || exit 1
	cd "$2" || exit 1 # what follows has no path that somebody else could lead elsewhere
	ours . || foreign "$2"
	[ -z "$made" ] || chmod "$dirs" . || exit 1
	cp "$here/$1" ".$1.new" && chmod "$3" ".$1.new" && mv -f ".$1.new" "$1"
)

[ ! -d "${ca%/*}" ] && mkdir -p "${ca%/*}" && chmod "$dirs" "${ca%/*}"
put cacert.pem "$ca" "$open"
[ ! -e cacrl.pem ] || put cacrl.pem "$ca" "$open"
put clientcert.pem "$cert" "$open"
put clientkey.pem "$key" 600
echo "installed in $cert${dir:+; connect with ?pkipath=$dir}"
