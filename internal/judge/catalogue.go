package judge

import "slices"

// Catalogue explains every id that a finding can have, each once, in the order of the
// stages.
func Catalogue() []Entry {
	return slices.Concat(placeEntries, confEntries, CertCatalogue(), hostEntries)
}

// Explain returns the entry of an id, and whether there is one.
func Explain(id string) (Entry, bool) {
	all := Catalogue()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == id })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// IDs returns the ids of all findings.
func IDs() []string {
	var ids []string
	for _, e := range Catalogue() {
		ids = append(ids, e.ID)
	}
	return ids
}
