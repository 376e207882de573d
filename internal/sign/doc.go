// Package sign answers certificate requests with the CA's key. It decides which certificate each
// request gets, has a person confirm that, and makes the responses.
//
// It decides about the finished certificate: it makes one from the request and has package grant
// check it. Package authority signs and records. The package does not print or ask anything itself:
// it passes the decisions that a person should see to [Request.Confirm]. Without a person
// ([Request.Unattended]) it refuses the requests that one would have to look at.
package sign
