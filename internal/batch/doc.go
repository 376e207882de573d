// Package batch writes thousands of bundles of files into one directory, with the records of
// their certificates in the directory of a CA.
//
// It commits bundles in batches: records first, then the bundles, and a journal that tells the
// next run which bundles a killed run was about to write. It knows neither hosts nor
// certificates: its callers decide what a bundle contains, and when a batch is large enough.
// For a few files that change together, use a plan of package store.
package batch
