package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// titles are what people call the types of key.
var titles = map[string]string{"ec256": "EC P-256", "rsa3072": "RSA 3072"}

func (r results) keyTypes() []string {
	return distinct(r, func(x result) string { return x.KeyType })
}
func (r results) tools() []string { return distinct(r, func(x result) string { return x.Tool }) }
func (r results) sizes() []int    { return distinct(r, func(x result) int { return x.Hosts }) }

// distinct lists the values of a field, in the order in which they first come.
func distinct[T comparable](all results, field func(result) T) []T {
	var values []T
	for _, x := range all {
		if v := field(x); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// printTables prints one table for each type of key.
func printTables(w io.Writer, all results) {
	for _, keyType := range all.keyTypes() {
		fmt.Fprintf(w, "%s, seconds (median; how many runs), and at the largest fleet that was measured: processor time and memory\n\n", titles[keyType])
		header, rule := "| |", "|---|"
		for _, size := range all.sizes() {
			header += fmt.Sprintf(" %s hosts |", thousands(size))
			rule += "---|"
		}
		fmt.Fprintf(w, "%s CPU s | peak MB | x the floor |\n%s---|---|---|\n", header, rule)
		for _, tool := range all.tools() {
			fmt.Fprintln(w, all.row(tool, keyType))
		}
		fmt.Fprintln(w)
	}
}

func (r results) row(tool, keyType string) string {
	line := "| " + tool + " |"
	var last sample
	ratio := "-"
	for _, size := range r.sizes() {
		s, ok := r.find(tool, keyType, size)
		if !ok {
			line += " - |"
			continue
		}
		last = s
		line += fmt.Sprintf(" %s (%d) |", seconds(s.Wall), r.count(tool, keyType, size))
		if floor, ok := r.find("floor", keyType, size); ok {
			ratio = fmt.Sprintf("%.2f at %s", s.Wall/floor.Wall, thousands(size))
		}
	}
	return line + fmt.Sprintf(" %s | %.0f | %s |", seconds(last.CPU), float64(last.Peak)/1e6, ratio)
}

func (r results) count(tool, keyType string, hosts int) int {
	for _, x := range r {
		if x.Tool == tool && x.KeyType == keyType && x.Hosts == hosts {
			return len(x.Samples)
		}
	}
	return 0
}

// seconds prints three digits that count.
func seconds(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.3f", s)
	case s < 10:
		return fmt.Sprintf("%.2f", s)
	case s < 100:
		return fmt.Sprintf("%.1f", s)
	}
	return fmt.Sprintf("%.0f", s)
}

func thousands(n int) string {
	text := fmt.Sprint(n)
	if len(text) > 3 {
		text = text[:len(text)-3] + "," + text[len(text)-3:]
	}
	return strings.TrimSpace(text)
}
