// Package sign answers certificate requests with the CA's key: it decides what each
// request is granted, has a person confirm that, and makes the responses.
//
// It decides about the finished certificate: it makes one from the request and has package
// grant check it. Package authority signs and records. The package prints nothing and asks
// nothing itself: it hands what a person should see to [Request.Confirm]. Without a
// person ([Request.Unattended]) it refuses the requests that one would have to look at.
package sign
