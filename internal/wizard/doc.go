// Package wizard asks the questions of 'virtpki wizard' that make a host ready: in their order,
// with the answers that it offers.
//
// It looks at the machine so that it asks only for facts that it cannot know, and checks each
// answer as a command checks its flag. It changes nothing: its [Doer] gets the [Answers],
// decides and makes the changes. Package prompt shows the questions on the screen.
package wizard
