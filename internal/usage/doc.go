// Package usage words the usage errors of a command line in the words of its own usage.
//
// cobra parses the command line, and its errors count arguments without naming them. This
// package names them for any tree of commands. It knows no command, and prints nothing.
package usage
