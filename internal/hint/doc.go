// Package hint holds errors that say what to do about them, and which status a run
// ends with.
//
// It prints nothing and knows no command: what prints an error asks [Of] for its hint
// and [IsUsage] for its kind. An error that is neither is an ordinary one.
package hint
