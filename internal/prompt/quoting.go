package prompt

import (
	"context"

	"virtpki/internal/termtext"
)

// quoting is an [Asker] that shows only visible characters of text that others have written:
// presets come from files, options from certificates.
type quoting struct{ Asker }

func (q quoting) Input(ctx context.Context, message, preset string) (string, error) {
	shown := termtext.Line(preset)
	text, err := q.Asker.Input(ctx, termtext.Line(message), shown)
	if text == shown {
		text = preset
	}
	return text, err
}

func (q quoting) Confirm(ctx context.Context, message string, preset bool) (bool, error) {
	return q.Asker.Confirm(ctx, termtext.Line(message), preset)
}

func (q quoting) Select(ctx context.Context, message string, options []string, preset int) (int, error) {
	return q.Asker.Select(ctx, termtext.Line(message), safeLines(options), preset)
}

func (q quoting) MultiSelect(ctx context.Context, message string, options []string, preset []bool) ([]bool, error) {
	return q.Asker.MultiSelect(ctx, termtext.Line(message), safeLines(options), preset)
}

func (q quoting) Password(ctx context.Context, message string) (string, error) {
	return q.Asker.Password(ctx, termtext.Line(message))
}

func safeLines(texts []string) []string {
	safe := make([]string, len(texts))
	for i, text := range texts {
		safe[i] = termtext.Line(text)
	}
	return safe
}
