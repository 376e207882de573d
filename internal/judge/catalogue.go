package judge

import "slices"

// Catalogue explains every id that a finding can have, each once, in the order of the
// stages.
func Catalogue() []Entry {
	return slices.Concat(placeEntries, confEntries, CertCatalogue(), hostEntries)
}
