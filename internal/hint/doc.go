// Package hint holds errors with a hint: the next step for the user. It also defines the errors
// that set the exit status of a run.
//
// It does not print and does not know the commands. The code that prints an error asks [Of] for
// its hint and [IsUsage] for its kind. An error that is neither is an ordinary one.
package hint
