package conf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestExtentsOfMany asks for the lines of many entries, as for the file of an image that is to keep
// check running.
func TestExtentsOfMany(t *testing.T) {
	const entries = 20_000
	var text strings.Builder
	for i := range entries {
		fmt.Fprintf(&text, "a%d = 1\n", i)
	}
	file, err := Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i := 0; i < entries; i += 20 {
		if first, last, shared := file.Extent(fmt.Sprintf("a%d", i)); first != i+1 || last != i+1 || shared {
			t.Errorf("entry %d: lines %d to %d, shared %t", i+1, first, last, shared)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
