package pki

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"text/template"

	"go.step.sm/crypto/x509util"
)

// plainFuncs are the functions of sprig and x509util that do work only in proportion to their
// arguments and results. Functions that use the network, the environment, the clock, random numbers
// or keys are not among them. A template is rendered twice, once to show the result and once to
// sign it, and both results have to be the same.
const plainFuncs = `
abbrev abbrevboth add add1 add1f addf adler32sum all any append asn1Enc asn1Marshal asn1Seq asn1Set atoi
b32dec b32enc b64dec b64enc base biggest camelcase cat ceil clean coalesce compact concat contains
deepCopy deepEqual default dict dig dir div divf empty ext fail first float64 floor fromJson
get has hasKey hasPrefix hasSuffix hello initial initials int int64 isAbs kebabcase keys kindIs kindOf
last list lower max maxf merge mergeOverwrite min minf mod mul mulf
mustAppend mustCompact mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite
mustPrepend mustPush mustRest mustReverse mustSlice mustToJson mustToRawJson
nospace omit osBase osClean osDir osExt osIsAbs pick pluck plural prepend push quote rest reverse
semver semverCompare set sha1sum sha256sum sha512sum slice snakecase sortAlpha split splitList splitn squote
sub subf substr swapcase ternary title toDecimal toJson toRawJson toString toStrings
trim trimPrefix trimSuffix trunc tuple unset untitle upper urlJoin urlParse values wrap`

// costs holds the costs of functions that do more work, depending on their arguments.
var costs = map[string]func(args []reflect.Value) int{
	"until": product, "repeat": product, "indent": product, "nindent": product, "wrapWith": product,
	"join": product, "replace": product, "trimAll": product, "trimall": product, "without": product, "mustWithout": product,
	"regexMatch": product, "mustRegexMatch": product, "regexFind": product, "mustRegexFind": product,
	"regexFindAll": product, "mustRegexFindAll": product, "regexSplit": product, "mustRegexSplit": product,
	"regexReplaceAll": product, "mustRegexReplaceAll": product, "regexQuoteMeta": product,
	"regexReplaceAllLiteral": product, "mustRegexReplaceAllLiteral": product,
	"uniq": square, "mustUniq": square, "toPrettyJson": indented, "mustToPrettyJson": indented,
	"printf": formatted,
}

// templateFuncs are the functions that a template may call. fail stores its message in failed.
func templateFuncs(failed *string) template.FuncMap {
	known := x509util.GetFuncMap()
	maps.Copy(known, template.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"typeOf": typeOf, "typeIs": func(name string, v any) bool { return name == typeOf(v) },
		"typeIsLike": func(name string, v any) bool { return name == typeOf(v) || "*"+name == typeOf(v) },
		"fail":       func(text string) (string, error) { *failed = text; return "", fmt.Errorf("%s", text) },
	})
	funcs := make(template.FuncMap)
	for name := range costs {
		funcs[name] = known[name]
	}
	for name := range strings.FieldsSeq(plainFuncs + " print println html js urlquery typeOf typeIs typeIsLike") {
		funcs[name] = known[name]
	}
	return funcs
}

// keyType stands for a public key in a template, which may ask for its type. The key itself has
// methods that never end, or change it.
type keyType struct{ name string }

func typeOf(v any) string {
	if key, ok := v.(keyType); ok {
		return key.name
	}
	return fmt.Sprintf("%T", v)
}

// product is the cost of work that grows with each argument; a number counts by its value.
func product(args []reflect.Value) int {
	cost := 1
	for _, arg := range args {
		size := weigh(arg, math.MaxInt32)
		if arg.CanInt() {
			size = int(min(max(arg.Int(), -arg.Int(), 0), math.MaxInt32))
		}
		cost = times(cost, 1+size)
	}
	return cost
}

// square is the cost of comparing each element of a list with each other.
func square(args []reflect.Value) int {
	list := args[0]
	if list.Kind() == reflect.Interface {
		list = list.Elem()
	}
	if list.Kind() != reflect.Slice && list.Kind() != reflect.Array {
		return 0 // an error
	}
	return times(list.Len(), weigh(list, math.MaxInt32))
}

// indented is the cost of two spaces per level before each element.
func indented(args []reflect.Value) int { return times(2*maxDepth, weigh(args[0], math.MaxInt32)) }

// formatted is the cost of verbs. Each may print any of the arguments, in a width of up to a
// million.
func formatted(args []reflect.Value) int {
	verbs := strings.Count(args[0].String(), "%")
	width := 0
	if strings.ContainsAny(args[0].String(), "0123456789*") {
		width = 1_000_000
	}
	return times(verbs, width+weigh(args[1], math.MaxInt32))
}

// times multiplies without overflow.
func times(a, b int) int {
	if a != 0 && b > math.MaxInt32/a {
		return math.MaxInt32
	}
	return a * b
}
