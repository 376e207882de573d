package dn

import "strings"

// trie finds the values of all keys that a text begins with, or ends with when
// the keys were reversed. An edge carries a run of bytes.
type trie[V any] struct {
	root trieNode[V]
}

type trieNode[V any] struct {
	label    string // the bytes on the edge to this node
	set      bool
	value    V
	first    string // the first bytes of the children's labels
	children []*trieNode[V]
}

// insert returns the place of the key's value.
func (t *trie[V]) insert(key string) *V {
	n := &t.root
	for key != "" {
		i := strings.IndexByte(n.first, key[0])
		if i < 0 {
			child := &trieNode[V]{label: key}
			n.first += key[:1]
			n.children = append(n.children, child)
			n = child
			break
		}
		child := n.children[i]
		common := commonPrefix(child.label, key)
		if common < len(child.label) {
			child = child.split(common)
			n.children[i] = child
		}
		n, key = child, key[common:]
	}
	n.set = true
	return &n.value
}

// split puts a node on the edge to n, after its first bytes.
func (n *trieNode[V]) split(at int) *trieNode[V] {
	upper := &trieNode[V]{label: n.label[:at], first: n.label[at : at+1], children: []*trieNode[V]{n}}
	n.label = n.label[at:]
	return upper
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// each calls f for every value.
func (t *trie[V]) each(f func(*V)) { t.root.each(f) }

func (n *trieNode[V]) each(f func(*V)) {
	if n.set {
		f(&n.value)
	}
	for _, child := range n.children {
		child.each(f)
	}
}

// trieWalk follows a text down the trie.
type trieWalk[V any] struct {
	node *trieNode[V] // nil: the end
	used int          // bytes of the text on the way to node
	seen bool         // node's own value has been given
}

func (t *trie[V]) walk() trieWalk[V] { return trieWalk[V]{node: &t.root} }

// next returns the value of the next key that fits, or nil after the last. With end 1 it reads the
// text backwards.
func (w *trieWalk[V]) next(text string, end int) *V {
	for w.node != nil {
		if w.node.set && !w.seen {
			w.seen = true
			return &w.node.value
		}
		w.descend(text, end)
	}
	return nil
}

func (w *trieWalk[V]) descend(text string, end int) {
	n := w.node
	w.node, w.seen = nil, false
	rest := len(text) - w.used
	if rest == 0 {
		return
	}
	c := text[w.used]
	if end == 1 {
		c = text[rest-1]
	}
	i := strings.IndexByte(n.first, c)
	if i < 0 {
		return
	}
	child := n.children[i]
	if size := len(child.label); size <= rest && child.fits(text, w.used, end) {
		w.node, w.used = child, w.used+size
	}
}

func (n *trieNode[V]) fits(text string, used, end int) bool {
	if end == 0 {
		return strings.HasPrefix(text[used:], n.label)
	}
	last := len(text) - used - 1
	for i := range len(n.label) {
		if text[last-i] != n.label[i] {
			return false
		}
	}
	return true
}
