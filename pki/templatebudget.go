package pki

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"text/template"
	"text/template/parse"
)

// The limits of a template. They count work and not time, so that a template that ends on one
// machine ends on every one.
const (
	maxTemplate = 64 << 10 // bytes of its text
	maxWork     = 8 << 20  // bytes that its functions read and make, and the costs below
	maxDepth    = 100      // of lists in lists
	workOfCall  = 32       // of a function
	workOfTurn  = 256      // of a range
	workOfEntry = 4096     // of a template that another one invokes, which takes stack
	workOfByte  = 16       // that is printed
	workOfKey   = 64       // of a map, which takes longer to go through than a list
)

var errTooMuchWork = errors.New("it loops too often, or makes too much text")

// budget is the work that a template may still do while it is rendered.
type budget struct {
	left   int
	failed string // the message of the template's fail
}

// spend panics when the budget is used up, which text/template turns into an error.
func (b *budget) spend(work int) {
	if b.left -= work; b.left < 0 {
		panic(errTooMuchWork)
	}
}

// parseTemplate parses a text, and adds a call to each turn of a range and each invoked template.
// Without it an empty loop could not be ended.
func parseTemplate(text string, funcs template.FuncMap) (*template.Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("%d bytes are too many (at most %d)", len(text), maxTemplate)
	}
	parsed, err := template.New("template").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	for _, t := range parsed.Templates() {
		if t.Tree == nil || t.Root == nil {
			continue
		}
		countTurns(t.Root)
		t.Root.Nodes = append([]parse.Node{callNode("_entry")}, t.Root.Nodes...)
	}
	return parsed, nil
}

// countTurns puts a call at the beginning of each range.
func countTurns(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.RangeNode:
			countTurns(node.List)
			countTurns(node.ElseList)
			node.List.Nodes = append([]parse.Node{callNode("_turn")}, node.List.Nodes...)
		case *parse.IfNode:
			countTurns(node.List)
			countTurns(node.ElseList)
		case *parse.WithNode:
			countTurns(node.List)
			countTurns(node.ElseList)
		}
	}
}

// callNode is {{name}}, a call of a function that counts.
func callNode(name string) parse.Node {
	funcs := template.FuncMap{name: func() string { return "" }} // to parse, not to call
	call := template.Must(template.New(name).Funcs(funcs).Parse("{{" + name + "}}"))
	return call.Root.Nodes[0]
}

// funcs returns the functions of a template, each of which spends from the budget.
func (b *budget) funcs() template.FuncMap {
	funcs := templateFuncs(&b.failed)
	for name, fn := range funcs {
		funcs[name] = b.counted(reflect.ValueOf(fn), costs[name])
	}
	funcs["_turn"] = func() string { b.spend(workOfTurn); return "" }
	funcs["_entry"] = func() string { b.spend(workOfEntry); return "" }
	return funcs
}

// counted wraps a function so that it spends the bytes it reads and makes. Before the call it
// spends the result of cost for the arguments.
func (b *budget) counted(fn reflect.Value, cost func([]reflect.Value) int) any {
	call := fn.Call
	if fn.Type().IsVariadic() {
		call = fn.CallSlice
	}
	return reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		b.spend(workOfCall)
		b.spendOn(args)
		if cost != nil {
			b.spend(cost(args))
		}
		results := call(args)
		b.spendOn(results)
		return results
	}).Interface()
}

func (b *budget) spendOn(values []reflect.Value) {
	for _, v := range values {
		b.spend(weigh(v, b.left))
	}
}

// weigh returns the length of a value when all of it is written down. A part that occurs twice
// counts twice. It stops counting when the length exceeds most.
func weigh(v reflect.Value, most int) int { return weighBelow(v, most, maxDepth) }

func weighBelow(v reflect.Value, most, depth int) int {
	if depth == 0 {
		return most + 1
	}
	switch v.Kind() {
	case reflect.String:
		return 1 + v.Len()
	case reflect.Interface:
		return weighBelow(v.Elem(), most, depth-1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return 1 + v.Len()
		}
		return sum(most, v.Len(), func(i, most int) int { return weighBelow(v.Index(i), most, depth-1) })
	case reflect.Struct:
		return sum(most, v.NumField(), func(i, most int) int { return weighBelow(v.Field(i), most, depth-1) })
	case reflect.Map:
		keys := v.MapKeys()
		return sum(most, len(keys), func(i, most int) int {
			return workOfKey + weighBelow(keys[i], most, depth-1) + weighBelow(v.MapIndex(keys[i]), most, depth-1)
		})
	}
	return 8
}

// sum adds up the weights of n parts, as long as they are not more than most.
func sum(most, n int, weight func(i, most int) int) int {
	total := 8
	for i := 0; i < n && total <= most; i++ {
		total += weight(i, most-total)
	}
	return total
}

// run renders a template.
func (t *Template) run(data any) (*bytes.Buffer, error) {
	b := &budget{left: maxWork}
	parsed, err := parseTemplate(t.text, b.funcs())
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = parsed.Execute(writer{b, &out}, data)
	switch {
	case errors.Is(err, errTooMuchWork):
		return nil, errTooMuchWork
	case err != nil && b.failed != "":
		return nil, errors.New(b.failed)
	}
	return &out, err
}

// writer writes as much as a budget allows.
type writer struct {
	*budget
	out *bytes.Buffer
}

func (w writer) Write(data []byte) (int, error) {
	if w.left -= workOfByte * len(data); w.left < 0 {
		return 0, errTooMuchWork
	}
	return w.out.Write(data)
}
