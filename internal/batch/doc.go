// Package batch writes thousands of bundles of files into one directory, with the records of
// their certificates in the directory of a CA.
//
// Bundles are committed in batches: records first, then the bundles, and a journal tells the
// next run what a killed one was about to do. It knows neither hosts nor certificates: what a
// bundle holds, and when a batch is large enough, is decided elsewhere. A few files that
// change together are a plan of package store's.
package batch
