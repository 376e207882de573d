package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The plot: two logarithmic axes for each type of key, hosts and seconds.
const (
	panelWidth, panelHeight = 420, 380
	marginLeft, marginTop   = 60, 40
	innerWidth, innerHeight = 330, 290
	legendWidth             = 170
	lowest, highest         = -3.0, 3.0 // of the seconds, as powers of ten
)

var colours = []string{"#c00000", "#606060", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf"}

func plot(all results) string {
	var b strings.Builder
	keyTypes := all.keyTypes()
	tools := slices.DeleteFunc(all.tools(), func(tool string) bool { return strings.HasPrefix(tool, "floor:") })
	width := panelWidth * max(len(keyTypes), 1)
	across := (width - marginLeft) / legendWidth
	height := panelHeight + 12 + 22*((len(tools)+across-1)/across)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	for i, keyType := range keyTypes {
		fmt.Fprintf(&b, `<g transform="translate(%d,0)">`+"\n", i*panelWidth)
		panel(&b, all, keyType, tools)
		b.WriteString("</g>\n")
	}
	for i, tool := range tools {
		x, y := marginLeft+i%across*legendWidth, panelHeight+12+i/across*22
		fmt.Fprintf(&b, `<path d="M%d %dh24" stroke="%s" stroke-width="2.5"%s/><text x="%d" y="%d">%s</text>`+"\n", x, y, colours[i%len(colours)], dash(tool), x+30, y+4, tool)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func dash(tool string) string {
	if tool == "floor" {
		return ` stroke-dasharray="5 3"`
	}
	return ""
}

// panel draws the axes and the lines of one type of key.
func panel(b *strings.Builder, all results, keyType string, tools []string) {
	sizes := all.sizes()
	first, last := math.Log10(float64(sizes[0])), math.Log10(float64(sizes[len(sizes)-1]))
	x := func(hosts int) float64 {
		return marginLeft + innerWidth*(math.Log10(float64(hosts))-first)/math.Max(last-first, 1)
	}
	y := func(power float64) float64 {
		return marginTop + innerHeight*(highest-power)/(highest-lowest)
	}
	fmt.Fprintf(b, `<text x="%d" y="22" font-size="14" font-weight="bold">%s</text>`+"\n", marginLeft, titles[keyType])
	for power := lowest; power <= highest; power++ {
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g s</text>`+"\n",
			marginLeft, y(power), innerWidth, marginLeft-6, y(power)+4, math.Pow(10, power))
	}
	for _, size := range sizes {
		fmt.Fprintf(b, `<path d="M%.1f %dv%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(size), marginTop, innerHeight, x(size), marginTop+innerHeight+18, thousands(size))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">hosts</text>`+"\n", marginLeft+innerWidth/2, marginTop+innerHeight+36)
	for i, tool := range tools {
		line(b, all, keyType, tool, colours[i%len(colours)], x, y)
	}
}

// line draws what a tool has needed.
func line(b *strings.Builder, all results, keyType, tool, colour string, x func(int) float64, y func(float64) float64) {
	command, path := "M", ""
	for _, size := range all.sizes() {
		s, ok := all.find(tool, keyType, size)
		if !ok {
			continue
		}
		at := math.Min(math.Max(math.Log10(s.Wall), lowest), highest)
		path += fmt.Sprintf("%s%.1f %.1f", command, x(size), y(at))
		command = "L"
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(size), y(at), colour)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", path, colour, dash(tool))
}
