// Package usage returns usage errors that name the argument or the flag, as the usage line of the
// command does.
//
// cobra parses the command line, and its errors count arguments without naming them. This package
// names them, for any tree of commands. It does not know the commands, and prints nothing.
package usage
