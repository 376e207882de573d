package judge

import "slices"

// Catalogue explains every id that a finding of this package can have, each once, in the order of
// the stages.
func Catalogue() []Entry {
	return slices.Concat(placeEntries, confEntries, CertCatalogue(), hostEntries)
}

// Explain returns the entry of an id, and whether there is one among all.
func Explain(all []Entry, id string) (Entry, bool) {
	i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == id })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// IDs returns the ids of entries.
func IDs(all []Entry) (ids []string) {
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	return ids
}
