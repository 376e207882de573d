package termtext

import (
	"fmt"
	"strings"
	"time"
)

// Day returns the day of a time, in UTC.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Instant returns a time to the second, in UTC.
func Instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Count returns a number with its noun.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Join returns items with commas between them.
func Join[T any](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, ", ")
}
