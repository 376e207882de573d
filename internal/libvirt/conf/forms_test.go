package conf

// form is a configuration file with the reaction of libvirtd 9.0 to it.
type form struct {
	name string
	conf string

	// For a file with which the daemon starts: the values that it uses, by name and one line
	// each (see oneLine).
	want map[string]string
	// For a file with which it does not start: its words, and the line that it names (0 if it
	// names none).
	message string
	line    int

	// A number in the file does not fit into 63 bits: libvirt 11.3 and 12.8, unlike 7.0 and
	// 9.0, refuse such a file.
	overflow bool
}

// acceptedForms are files with which libvirtd starts.
var acceptedForms = []form{
	// The file as a whole.
	{name: "empty file", conf: "", want: map[string]string{}},
	{name: "comment alone", conf: "# nothing\n", want: map[string]string{}},
	{name: "comment without line end", conf: "# nothing", want: map[string]string{}},
	{name: "hash alone", conf: "#", want: map[string]string{}},
	{name: "comment, then blank lines", conf: "#\n\n  \n\t\n", want: map[string]string{}},
	{name: "blank lines before an entry", conf: "\n\n \n\tlisten_tls = 1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "blank lines after the last entry", conf: "listen_tls = 1\n\n \n\t", want: map[string]string{"listen_tls": "1"}},
	{name: "no line end at the end", conf: "max_clients = 123", want: map[string]string{"max_clients": "123"}},
	{name: "string without line end at the end", conf: `unix_sock_dir = "/run/a"`, want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "list without line end at the end", conf: `tls_allowed_dn_list = ["a"]`, want: map[string]string{"tls_allowed_dn_list": `["a"]`}},
	{name: "no blanks", conf: "unix_sock_dir=\"/run/a\"\nlisten_tls=0\n", want: map[string]string{"unix_sock_dir": `"/run/a"`, "listen_tls": "0"}},
	{name: "tabs for blanks", conf: "\tunix_sock_dir\t=\t\"/run/a\"\t\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "CR LF", conf: "unix_sock_dir = \"/run/a\"\r\nlisten_tls = 0\r\n", want: map[string]string{"unix_sock_dir": `"/run/a"`, "listen_tls": "0"}},
	{name: "CR alone ends a line", conf: "unix_sock_dir = \"/run/a\"\rlisten_tls = 0\r", want: map[string]string{"unix_sock_dir": `"/run/a"`, "listen_tls": "0"}},
	{name: "CR alone ends a comment", conf: "# comment\runix_sock_dir = \"/run/a\"", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "semicolon between entries", conf: `listen_tls = 0; unix_sock_dir = "/run/a"`, want: map[string]string{"listen_tls": "0", "unix_sock_dir": `"/run/a"`}},
	{name: "semicolon without blanks", conf: `listen_tls=0;unix_sock_dir="/run/a";listen_tcp=0`, want: map[string]string{"listen_tls": "0", "unix_sock_dir": `"/run/a"`, "listen_tcp": "0"}},
	{name: "semicolon at the end of a line", conf: "listen_tls = 0;\nlisten_tcp = 0 ;\n", want: map[string]string{"listen_tls": "0", "listen_tcp": "0"}},
	{name: "semicolon at the end of the file", conf: "listen_tls = 0;", want: map[string]string{"listen_tls": "0"}},
	{name: "semicolon, then comment", conf: "listen_tls = 0; # off\nlisten_tcp = 0\n", want: map[string]string{"listen_tls": "0", "listen_tcp": "0"}},
	{name: "comment after a value", conf: "unix_sock_dir = \"/run/a\" # here; listen_tls = 7\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "comment right after a number", conf: "max_clients = 300#x\n", want: map[string]string{"max_clients": "300"}},
	{name: "comment right after a list", conf: "tls_allowed_dn_list = [\"a\"]#x\n", want: map[string]string{"tls_allowed_dn_list": `["a"]`}},
	{name: "comment with quotes and brackets", conf: "# \" ' [ \"\"\"\nlisten_tls = 1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "comment with a NUL", conf: "# a\x00b\nlisten_tls = 1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "comment that is not UTF-8", conf: "# \xff\xfe\nlisten_tls = 1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "indented comment", conf: "  \t# a\nlisten_tls = 1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "value on the line of a comment's CR", conf: "listen_tls = 1 # off\rlisten_tcp = 0\n", want: map[string]string{"listen_tls": "1", "listen_tcp": "0"}},

	// Names.
	{name: "unknown name", conf: "no_such_setting = \"x\"\n", want: map[string]string{"no_such_setting": `"x"`}},
	{name: "name of one letter", conf: "Z = 1\n", want: map[string]string{"Z": "1"}},
	{name: "digits and underscores in a name", conf: "a_1__2 = 1\n", want: map[string]string{"a_1__2": "1"}},
	{name: "names are case-sensitive", conf: "Listen_TLS = \"x\"\nlisten_tls = 1\n", want: map[string]string{"Listen_TLS": `"x"`, "listen_tls": "1"}},
	{name: "first of two wins", conf: "unix_sock_dir = \"/run/a\"\nunix_sock_dir = \"/run/b\"\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "first of two wins on one line", conf: "unix_sock_dir = \"/run/a\"; unix_sock_dir = \"/run/b\"\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "second of two has a wrong type", conf: "listen_tls = 1\nlisten_tls = \"x\"\n", want: map[string]string{"listen_tls": "1"}},
	{name: "first of two lists wins", conf: "tls_allowed_dn_list = [\"a\"]\ntls_allowed_dn_list = [\"b\"]\n", want: map[string]string{"tls_allowed_dn_list": `["a"]`}},
	{name: "unknown name with any type", conf: "x = 1\ny = -2\nz = [1, [\"a\", -3], []]\n", want: map[string]string{"x": "1", "y": "-2", "z": `[1,["a",-3],[]]`}},

	// Strings.
	{name: "single quotes", conf: "unix_sock_dir = '/run/a'\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "three double quotes", conf: `unix_sock_dir = """/run/a"""` + "\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "three double quotes at the end", conf: `unix_sock_dir = """/run/a"""`, want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "one character in three double quotes at the end", conf: `x = """a"""`, want: map[string]string{"x": `"a"`}},
	{name: "nothing in three double quotes", conf: `x = """"""` + "\n", want: map[string]string{"x": `""`}},
	{name: "lines in three double quotes", conf: "x = \"\"\"a\n# b\r\n\n\"\"\"\nlisten_tls = 1\n", want: map[string]string{"x": `"a\n# b\r\n\n"`, "listen_tls": "1"}},
	{name: "socket directory with a line end", conf: "unix_sock_dir = \"\"\"/run/a\nb\"\"\"\n", want: map[string]string{"unix_sock_dir": `"/run/a\nb"`}},
	{name: "both quotes in three double quotes", conf: `unix_sock_dir = """/run/a"b'c"""` + "\n", want: map[string]string{"unix_sock_dir": `"/run/a\"b'c"`}},
	{name: "four quotes open with a quote", conf: `x = """"a"""` + "\n", want: map[string]string{"x": `"\"a"`}},
	{name: "two quotes inside three", conf: `x = """a""b"""` + "\n", want: map[string]string{"x": `"a\"\"b"`}},
	{name: "backslash is no escape", conf: `unix_sock_dir = "/run/a\n\\b"` + "\n", want: map[string]string{"unix_sock_dir": `"/run/a\\n\\\\b"`}},
	{name: "backslash before the closing quote", conf: `x = "a\"` + "\n", want: map[string]string{"x": `"a\\"`}},
	{name: "single quote in double quotes", conf: `unix_sock_dir = "/run/it's"` + "\n", want: map[string]string{"unix_sock_dir": `"/run/it's"`}},
	{name: "double quote in single quotes", conf: `unix_sock_dir = '/run/a"b'` + "\n", want: map[string]string{"unix_sock_dir": `"/run/a\"b"`}},
	{name: "hash and semicolon in a string", conf: `unix_sock_dir = "/run/a#b;c=[d]"` + "\n", want: map[string]string{"unix_sock_dir": `"/run/a#b;c=[d]"`}},
	{name: "blanks in a string", conf: "unix_sock_dir = \"/run/ a\tb \"\n", want: map[string]string{"unix_sock_dir": `"/run/ a\tb "`}},
	{name: "form feed in a string", conf: "unix_sock_dir = \"/run/a\fb\"\n", want: map[string]string{"unix_sock_dir": `"/run/a\fb"`}},
	{name: "UTF-8 in a string", conf: "unix_sock_dir = \"/run/é例🙂\"\n", want: map[string]string{"unix_sock_dir": `"/run/é例🙂"`}},
	{name: "bytes that are not UTF-8 in a string", conf: "unix_sock_dir = \"/run/\xff\xc3\"\n", want: map[string]string{"unix_sock_dir": `"/run/\xff\xc3"`}},
	{name: "NUL cuts a string", conf: "unix_sock_dir = \"/run/a\x00b\"\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "NUL cuts a long string", conf: "unix_sock_dir = \"\"\"/run/a\x00\nb\"\"\"\n", want: map[string]string{"unix_sock_dir": `"/run/a"`}},
	{name: "empty string", conf: "x = \"\"\ny = ''\n", want: map[string]string{"x": `""`, "y": `""`}},
	{name: "semicolon right after a string", conf: `x = "a";y = 'b';`, want: map[string]string{"x": `"a"`, "y": `"b"`}},

	// Numbers.
	{name: "plus sign", conf: "listen_tls = +1\n", want: map[string]string{"listen_tls": "1"}},
	{name: "leading zeros are decimal", conf: "max_clients = 00100\n", want: map[string]string{"max_clients": "100"}},
	{name: "negative number", conf: "keepalive_interval = -1\n", want: map[string]string{"keepalive_interval": "-1"}},
	{name: "minus zero for an int", conf: "keepalive_interval = -0\n", want: map[string]string{"keepalive_interval": "-0"}},
	{name: "smallest int", conf: "keepalive_interval = -2147483648\n", want: map[string]string{"keepalive_interval": "-2147483648"}},
	{name: "largest int", conf: "keepalive_interval = 2147483647\n", want: map[string]string{"keepalive_interval": "2147483647"}},
	{name: "largest unsigned", conf: "max_clients = 4294967295\n", want: map[string]string{"max_clients": "4294967295"}},
	{name: "2^64+1 wraps around to 1", overflow: true, conf: "listen_tls = 18446744073709551617\n", want: map[string]string{"listen_tls": "1"}},
	{name: "2^63 for an unknown name", overflow: true, conf: "x = 9223372036854775808\n", want: map[string]string{"x": "9223372036854775808"}},
	{name: "number of a hundred digits", overflow: true, conf: "x = 1" + zeros(100) + "\n", want: map[string]string{"x": "0"}},

	// Lists.
	{name: "empty list", conf: "tls_allowed_dn_list = []\n", want: map[string]string{"tls_allowed_dn_list": "[]"}},
	{name: "blank list", conf: "tls_allowed_dn_list = [ \t\r\n\n ]\n", want: map[string]string{"tls_allowed_dn_list": "[]"}},
	{name: "list on one line", conf: "tls_allowed_dn_list = [\"a\", 'b',\"\"\"c\"\"\"]\n", want: map[string]string{"tls_allowed_dn_list": `["a","b","c"]`}},
	{name: "list over lines", conf: "tls_allowed_dn_list = [\n  \"a\",\n\n  \"b\"\n]\n", want: map[string]string{"tls_allowed_dn_list": `["a","b"]`}},
	{name: "list over CR LF lines", conf: "tls_allowed_dn_list = [\r\n  \"a\",\r\n  \"b\"\r\n]\r\n", want: map[string]string{"tls_allowed_dn_list": `["a","b"]`}},
	{name: "comma at the end of a list", conf: "tls_allowed_dn_list = [\"a\",]\n", want: map[string]string{"tls_allowed_dn_list": `["a"]`}},
	{name: "comma and lines at the end of a list", conf: "tls_allowed_dn_list = [\"a\" ,\n\n]\n", want: map[string]string{"tls_allowed_dn_list": `["a"]`}},
	{name: "comma at the start of a line", conf: "tls_allowed_dn_list = [\n\"a\"\n,\"b\"\n]\n", want: map[string]string{"tls_allowed_dn_list": `["a","b"]`}},
	{name: "items without blanks", conf: "tls_allowed_dn_list=['a','b']", want: map[string]string{"tls_allowed_dn_list": `["a","b"]`}},
	{name: "hash in an item", conf: "tls_allowed_dn_list = [\"a#b\"]\n", want: map[string]string{"tls_allowed_dn_list": `["a#b"]`}},
	{name: "item over lines", conf: "tls_allowed_dn_list = [\"\"\"a\nb\"\"\"]\n", want: map[string]string{"tls_allowed_dn_list": `["a\nb"]`}},
	{name: "empty item", conf: "tls_allowed_dn_list = [\"\"]\n", want: map[string]string{"tls_allowed_dn_list": `[""]`}},
	{name: "known access driver", conf: "access_drivers = [\"none\"]\n", want: map[string]string{"access_drivers": `["none"]`}},
	{name: "numbers in a list of an unknown name", conf: "x = [1,+2,-3]\n", want: map[string]string{"x": "[1,2,-3]"}},
	{name: "semicolon after a list", conf: "x = [\n];listen_tls = 0", want: map[string]string{"x": "[]", "listen_tls": "0"}},
	{name: "lists in a list of an unknown name", conf: "x = [[],[[]]]\n", want: map[string]string{"x": "[[],[[]]]"}},

	// Values that the daemon takes as they are.
	{name: "authentication", conf: "auth_tls = \"none\"\nauth_unix_rw = \"polkit\"\nauth_tcp = 'sasl'\n", want: map[string]string{"auth_tls": `"none"`, "auth_unix_rw": `"polkit"`, "auth_tcp": `"sasl"`}},
	{name: "port that is no number", conf: "tls_port = \"x\"\n", want: map[string]string{"tls_port": `"x"`}},
	{name: "CRL that does not exist", conf: "crl_file = \"/x\"\n", want: map[string]string{"crl_file": `"/x"`}},
	{name: "SSF of 112", conf: "tcp_min_ssf = 112\n", want: map[string]string{"tcp_min_ssf": "112"}},
}

// refusedForms are files with which libvirtd does not start.
var refusedForms = []form{
	// The file as a whole.
	{name: "line end alone", conf: "\n", message: "expecting a name", line: 2},
	{name: "blank alone", conf: " ", message: "expecting a name", line: 1},
	{name: "blank lines alone", conf: "\n \n\t", message: "expecting a name", line: 3},
	{name: "byte order mark", conf: "\ufefflisten_tls = 1\n", message: "expecting a name", line: 1},
	{name: "byte order mark before a comment", conf: "\ufeff# comment\n", message: "expecting a name", line: 1},
	{name: "UTF-16", conf: "l\x00i\x00s\x00t\x00", message: "expecting an assignment", line: 1},
	{name: "NUL alone", conf: "\x00", message: "expecting a name", line: 1},
	{name: "NUL after a value", conf: "listen_tls = 1\x00\n", message: "expecting a separator", line: 1},
	{name: "NUL after the last line", conf: "listen_tls = 1\n\x00", message: "expecting a name", line: 2},
	{name: "form feed before a name", conf: "\flisten_tls = 1\n", message: "expecting a name", line: 1},
	{name: "form feed after a value", conf: "listen_tls = 1\f\n", message: "expecting a separator", line: 1},
	{name: "vertical tab around the equals sign", conf: "listen_tls\v=\v1\n", message: "expecting an assignment", line: 1},
	{name: "no-break space before a value", conf: "listen_tls =\u00a01\n", message: "expecting a value", line: 1},
	{name: "semicolon alone", conf: ";", message: "expecting a name", line: 1},
	{name: "semicolon at the start of a line", conf: "listen_tls = 1\n; listen_tcp = 0\n", message: "expecting a name", line: 2},
	{name: "two semicolons", conf: "listen_tls = 1;;listen_tcp = 0\n", message: "expecting a name", line: 1},
	{name: "semicolon as a comment sign", conf: "; comment\nlisten_tls = 1\n", message: "expecting a name", line: 1},
	{name: "slashes as a comment sign", conf: "// comment\n", message: "expecting a name", line: 1},
	{name: "two entries on a line", conf: "listen_tls = 1 listen_tcp = 0\n", message: "expecting a separator", line: 1},
	{name: "comma between entries", conf: "listen_tls = 1, listen_tcp = 0\n", message: "expecting a separator", line: 1},
	{name: "section", conf: "[daemon]\nlisten_tls = 1\n", message: "expecting a name", line: 1},
	{name: "error after CR LF lines", conf: "# a\r\n# b\r\n?\r\n", message: "expecting a name", line: 3},
	{name: "error after CR lines", conf: "# a\r# b\r?\r", message: "expecting a name", line: 1},
	{name: "error in an unknown entry", conf: "listen_tls = 1\nno_such_setting = yes\n", message: "expecting a value", line: 2},

	// Names.
	{name: "name with a dot", conf: "listen.tls = 1\n", message: "expecting an assignment", line: 1},
	{name: "name with a minus sign", conf: "listen-tls = 1\n", message: "expecting an assignment", line: 1},
	{name: "name with a blank", conf: "listen tls = 1\n", message: "expecting an assignment", line: 1},
	{name: "name with a colon", conf: "listen:tls = 1\n", message: "expecting an assignment", line: 1},
	{name: "name begins with a digit", conf: "1listen = 1\n", message: "expecting a name", line: 1},
	{name: "name begins with an underscore", conf: "_listen = 1\n", message: "expecting a name", line: 1},
	{name: "name in quotes", conf: "\"listen_tls\" = 1\n", message: "expecting a name", line: 1},
	{name: "name that is not ASCII", conf: "é = 1\n", message: "expecting a name", line: 1},
	{name: "letter that is not ASCII in a name", conf: "tél = 1\n", message: "expecting an assignment", line: 1},
	{name: "no name", conf: "= 1\n", message: "expecting a name", line: 1},
	{name: "name alone", conf: "listen_tls\n", message: "expecting an assignment", line: 1},
	{name: "name at the end", conf: "listen_tls", message: "expecting an assignment", line: 1},
	{name: "no equals sign", conf: "listen_tls 1\n", message: "expecting an assignment", line: 1},
	{name: "colon for equals sign", conf: "listen_tls: 1\n", message: "expecting an assignment", line: 1},
	{name: "two equals signs", conf: "listen_tls == 1\n", message: "expecting a value", line: 1},
	{name: "plus equals", conf: "listen_tls += 1\n", message: "expecting an assignment", line: 1},
	{name: "equals sign on the next line", conf: "listen_tls\n= 1\n", message: "expecting an assignment", line: 1},

	// Values.
	{name: "no value", conf: "listen_tls =\n", message: "expecting a value", line: 1},
	{name: "no value at the end", conf: "listen_tls =", message: "expecting a value", line: 1},
	{name: "value on the next line", conf: "listen_tls =\n1\n", message: "expecting a value", line: 1},
	{name: "comment for a value", conf: "listen_tls = # 1\n", message: "expecting a value", line: 1},
	{name: "semicolon for a value", conf: "listen_tls = ; listen_tcp = 1\n", message: "expecting a value", line: 1},
	{name: "bare word", conf: "unix_sock_dir = /run/a\n", message: "expecting a value", line: 1},
	{name: "true", conf: "listen_tls = true\n", message: "expecting a value", line: 1},
	{name: "yes", conf: "listen_tls = yes\n", message: "expecting a value", line: 1},
	{name: "braces", conf: "x = {}\n", message: "expecting a value", line: 1},
	{name: "parentheses", conf: "tls_allowed_dn_list = (\"a\")\n", message: "expecting a value", line: 1},
	{name: "back quotes", conf: "x = `a`\n", message: "expecting a value", line: 1},
	{name: "typographic quotes", conf: "x = “a”\n", message: "expecting a value", line: 1},

	// Strings.
	{name: "double quotes not closed", conf: "x = \"a\nlisten_tls = 1\n", message: "unterminated string", line: 1},
	{name: "double quotes not closed at the end", conf: "x = \"a", message: "unterminated string", line: 1},
	{name: "double quote at the end", conf: "x = \"", message: "unterminated string", line: 1},
	{name: "single quotes not closed", conf: "x = 'a\n", message: "unterminated string", line: 1},
	{name: "double quotes over lines", conf: "x = \"a\nb\"\n", message: "unterminated string", line: 1},
	{name: "single quotes over lines", conf: "x = 'a\nb'\n", message: "unterminated string", line: 1},
	{name: "CR in double quotes", conf: "x = \"a\rb\"\n", message: "unterminated string", line: 1},
	{name: "backslash at the end of a line", conf: "x = \"a\\\nb\"\n", message: "unterminated string", line: 1},
	{name: "quote after a backslash", conf: `x = "a\"b"` + "\n", message: "expecting a separator", line: 1},
	{name: "mixed quotes", conf: "x = \"a'\n", message: "unterminated string", line: 1},
	{name: "two strings", conf: "x = \"a\" \"b\"\n", message: "expecting a separator", line: 1},
	{name: "three single quotes", conf: "x = '''a'''\n", message: "expecting a separator", line: 1},
	{name: "three double quotes not closed", conf: "x = \"\"\"a\n\nb\nc\n", message: "unterminated string", line: 4},
	{name: "three double quotes closed by two", conf: "x = \"\"\"a\n\"\"\n", message: "unterminated string", line: 2},
	{name: "quote before three double quotes", conf: `x = """a""""` + "\n", message: "expecting a separator", line: 1},
	{name: "nothing in three double quotes at the end", conf: `x = """"""`, message: "expecting a separator", line: 1},
	{name: "three double quotes at the end alone", conf: `x = """`, message: "expecting a separator", line: 1},
	{name: "three double quotes and too little", conf: `x = """a"` + "\n", message: "expecting a separator", line: 1},
	{name: "text after a long string", conf: "x = \"\"\"a\nb\"\"\" c\n", message: "expecting a separator", line: 2},

	// Numbers.
	{name: "hexadecimal", conf: "max_clients = 0x80\n", message: "expecting a separator", line: 1},
	{name: "fraction", conf: "max_clients = 1.5\n", message: "expecting a separator", line: 1},
	{name: "unit", conf: "max_clients = 5k\n", message: "expecting a separator", line: 1},
	{name: "digit groups", conf: "max_clients = 5_000\n", message: "expecting a separator", line: 1},
	{name: "minus alone", conf: "keepalive_interval = -\n", message: "unterminated number", line: 1},
	{name: "plus at the end", conf: "keepalive_interval = +", message: "unterminated number", line: 1},
	{name: "minus, blank, digit", conf: "keepalive_interval = - 1\n", message: "unterminated number", line: 1},
	{name: "two signs", conf: "keepalive_interval = --1\n", message: "unterminated number", line: 1},
	{name: "digits that are not ASCII", conf: "max_clients = ١\n", message: "expecting a value", line: 1},

	// Lists.
	{name: "comment inside a list", conf: "tls_allowed_dn_list = [\n  \"a\",\n  # who\n  \"b\"\n]\n", message: "expecting a value", line: 3},
	{name: "comment after an item", conf: "tls_allowed_dn_list = [\n  \"a\", # who\n  \"b\"\n]\n", message: "expecting a value", line: 2},
	{name: "comment after the last item", conf: "tls_allowed_dn_list = [\n  \"a\" # who\n]\n", message: "expecting a separator in list", line: 2},
	{name: "comment after the bracket", conf: "tls_allowed_dn_list = [ # who\n  \"a\"\n]\n", message: "expecting a value", line: 1},
	{name: "comment before the closing bracket", conf: "tls_allowed_dn_list = [\n  \"a\",\n  # who\n]\n", message: "expecting a value", line: 3},
	{name: "commented-out item", conf: "tls_allowed_dn_list = [\n#  \"a\",\n  \"b\"\n]\n", message: "expecting a value", line: 2},
	{name: "comma alone in a list", conf: "tls_allowed_dn_list = [,]\n", message: "expecting a value", line: 1},
	{name: "comma before the first item", conf: "tls_allowed_dn_list = [,\"a\"]\n", message: "expecting a value", line: 1},
	{name: "two commas", conf: "tls_allowed_dn_list = [\"a\",,\"b\"]\n", message: "expecting a value", line: 1},
	{name: "two commas at the end of a list", conf: "tls_allowed_dn_list = [\"a\",,]\n", message: "expecting a value", line: 1},
	{name: "comma missing", conf: "tls_allowed_dn_list = [\n  \"a\"\n  \"b\"\n]\n", message: "expecting a separator in list", line: 3},
	{name: "semicolon in a list", conf: "tls_allowed_dn_list = [\"a\"; \"b\"]\n", message: "expecting a separator in list", line: 1},
	{name: "bracket not closed", conf: "tls_allowed_dn_list = [\"a\"\n", message: "list is not closed with ]", line: 2},
	{name: "bracket not closed after a comma", conf: "tls_allowed_dn_list = [\"a\",\n", message: "expecting a value", line: 2},
	{name: "bracket at the end", conf: "tls_allowed_dn_list = [", message: "list is not closed with ]", line: 1},
	{name: "bracket not closed before the next entry", conf: "tls_allowed_dn_list = [\"a\"\nlisten_tls = 1\n", message: "expecting a separator in list", line: 2},
	{name: "closing bracket alone", conf: "tls_allowed_dn_list = ]\n", message: "expecting a value", line: 1},
	{name: "two closing brackets", conf: "tls_allowed_dn_list = [\"a\"]]\n", message: "expecting a separator", line: 1},
	{name: "wrong bracket", conf: "tls_allowed_dn_list = [\"a\"}\n", message: "expecting a separator in list", line: 1},
	{name: "bare word in a list", conf: "tls_allowed_dn_list = [a]\n", message: "expecting a value", line: 1},
	{name: "item over lines in double quotes", conf: "tls_allowed_dn_list = [\n\"a\nb\"]\n", message: "unterminated string", line: 2},
	{name: "bracket on the next line", conf: "tls_allowed_dn_list =\n[\"a\"]\n", message: "expecting a value", line: 1},

	// Values that the grammar takes and the daemon does not.
	{name: "string for a bool", conf: "listen_tls = \"1\"\n", message: "expected a bool for 'listen_tls' parameter"},
	{name: "list for a bool", conf: "listen_tls = [1]\n", message: "expected a bool for 'listen_tls' parameter"},
	{name: "2 for a bool", conf: "listen_tls = 2\n", message: "value for 'listen_tls' parameter must be 0 or 1"},
	{name: "-1 for a bool", conf: "listen_tls = -1\n", message: "expected a bool for 'listen_tls' parameter"},
	{name: "-0 for a bool", conf: "listen_tls = -0\n", message: "expected a bool for 'listen_tls' parameter"},
	{name: "2^32+1 for a bool", conf: "listen_tls = 4294967297\n", message: "value for 'listen_tls' parameter must be 0 or 1"},
	{name: "2^63 for a bool", overflow: true, conf: "listen_tls = 9223372036854775808\n", message: "value for 'listen_tls' parameter must be 0 or 1"},
	{name: "wrong first, right second", conf: "listen_tls = \"1\"\nlisten_tls = 1\n", message: "expected a bool for 'listen_tls' parameter"},
	{name: "number for a string", conf: "tls_port = 16514\n", message: "expected a string for 'tls_port' parameter"},
	{name: "list for a string", conf: "unix_sock_dir = [\"/run/a\"]\n", message: "expected a string for 'unix_sock_dir' parameter"},
	{name: "number for a mode", conf: "unix_sock_rw_perms = 0770\n", message: "expected a string for 'unix_sock_rw_perms' parameter"},
	{name: "string for a list", conf: "tls_allowed_dn_list = \"a\"\n", message: "expected a string list for 'tls_allowed_dn_list' parameter"},
	{name: "number for a list", conf: "tls_allowed_dn_list = 0\n", message: "expected a string list for 'tls_allowed_dn_list' parameter"},
	{name: "number in a list", conf: "tls_allowed_dn_list = [\"a\", 1]\n", message: "expected a string list for 'tls_allowed_dn_list' parameter"},
	{name: "list in a list", conf: "tls_allowed_dn_list = [[\"a\"]]\n", message: "expected a string list for 'tls_allowed_dn_list' parameter"},
	{name: "string for a list of users", conf: "sasl_allowed_username_list = \"a\"\n", message: "expected a string list for 'sasl_allowed_username_list' parameter"},
	{name: "string for an unsigned", conf: "max_clients = \"5\"\n", message: "expected an unsigned integer for 'max_clients' parameter"},
	{name: "negative for an unsigned", conf: "max_clients = -1\n", message: "expected an unsigned integer for 'max_clients' parameter"},
	{name: "2^32 for an unsigned", conf: "max_clients = 4294967296\n", message: "value for 'max_clients' parameter must be in range 0:4294967295"},
	{name: "2^63 for an unsigned", overflow: true, conf: "max_clients = 9223372036854775808\n", message: "value for 'max_clients' parameter must be in range 0:4294967295"},
	{name: "no workers", conf: "max_workers = 0\n", message: "'max_workers' must be greater than 0"},
	{name: "low SSF", conf: "tcp_min_ssf = 111\n", message: "minimum SSF levels lower than 112 are not supported"},
	{name: "string for an int", conf: "keepalive_interval = \"5\"\n", message: "expected a signed integer for 'keepalive_interval' parameter"},
	{name: "int too small", conf: "keepalive_interval = -2147483649\n", message: "value for 'keepalive_interval' parameter must be in range -2147483648:2147483647"},
	{name: "int too large", conf: "keepalive_interval = 2147483648\n", message: "value for 'keepalive_interval' parameter must be in range -2147483648:2147483647"},
	{name: "authentication in capitals", conf: "auth_tls = \"NONE\"\n", message: "auth_tls: unsupported auth NONE"},
	{name: "empty authentication", conf: "auth_tls = \"\"\n", message: "auth_tls: unsupported auth "},
	{name: "number for authentication", conf: "auth_tls = 0\n", message: "expected a string for 'auth_tls' parameter"},
	{name: "the daemon's order, not the file's", conf: "max_clients = \"5\"\nlisten_tls = \"1\"\n", message: "expected a bool for 'listen_tls' parameter"},
}

// shownForms are files with a value that libvirtd shows in the message with which it refuses
// it. The grammar accepts all of them.
var shownForms = []form{
	{name: "number", conf: "log_level = 9\n", want: map[string]string{"log_level": "9"}, message: "argument '9' is invalid"},
	{name: "number at the end", conf: "log_level = 12", want: map[string]string{"log_level": "12"}, message: "argument '12' is invalid"},
	{name: "leading zeros", conf: "log_level = 0077\n", want: map[string]string{"log_level": "77"}, message: "argument '77' is invalid"},
	{name: "plus sign", conf: "log_level = +8\n", want: map[string]string{"log_level": "8"}, message: "argument '8' is invalid"},
	{name: "2^64+9", overflow: true, conf: "log_level = 18446744073709551625\n", want: map[string]string{"log_level": "9"}, message: "argument '9' is invalid"},
	{name: "first of three numbers", conf: "log_level = 7; log_level = 8\nlog_level = 9\n", want: map[string]string{"log_level": "7"}, message: "argument '7' is invalid"},
	{name: "string", conf: "auth_tls = 'a\"b'\n", want: map[string]string{"auth_tls": `"a\"b"`}, message: `unsupported auth a"b:`},
	{name: "backslashes", conf: `auth_tls = "a\\,\"` + "\n", want: map[string]string{"auth_tls": `"a\\\\,\\"`}, message: `unsupported auth a\\,\:`},
	{name: "long string that opens with a quote", conf: `auth_tls = """"a'""b"""`, want: map[string]string{"auth_tls": `"\"a'\"\"b"`}, message: `unsupported auth "a'""b:`},
	{name: "string cut by a NUL", conf: "auth_tls = \"ab\x00cd\"\n", want: map[string]string{"auth_tls": `"ab"`}, message: "unsupported auth ab:"},
	{name: "long string over lines", conf: "auth_tls = \"\"\"ab\ncd\"\"\"\n", want: map[string]string{"auth_tls": `"ab\ncd"`}, message: "unsupported auth ab\ncd:"},
	{name: "first of two strings", conf: "auth_tls = \"a\"\n#auth_tls = \"z\"\nauth_tls = \"b\"\n", want: map[string]string{"auth_tls": `"a"`}, message: "unsupported auth a:"},
	{name: "item of a list", conf: "access_drivers = [ 'x#y', ]\n", want: map[string]string{"access_drivers": `["x#y"]`}, message: "Cannot find security driver 'x#y'"},
	{name: "second item of a list", conf: "access_drivers = [\n\"none\",\n\"z\"\n]\n", want: map[string]string{"access_drivers": `["none","z"]`}, message: "Cannot find security driver 'z'"},
	{name: "list after a CR comment", conf: "#x\raccess_drivers=[\"a\"]", want: map[string]string{"access_drivers": `["a"]`}, message: "Cannot find security driver 'a'"},
	{name: "first of two lists", conf: "access_drivers=['p']\naccess_drivers=['q']", want: map[string]string{"access_drivers": `["p"]`}, message: "Cannot find security driver 'p'"},
}

func zeros(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0'
	}
	return string(b)
}
