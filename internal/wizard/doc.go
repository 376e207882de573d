// Package wizard asks what it takes to make a host ready: the questions of 'virtpki wizard', in
// their order, and what is offered for an answer.
//
// It looks at the machine so that it asks only what it cannot know, and checks each answer as
// the flag of a command would be. It changes nothing: what is decided and done it has its
// [Doer] do, which is given the [Answers]. How a question looks on the screen is package
// prompt's matter.
package wizard
