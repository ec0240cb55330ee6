package strictyaml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/strictyaml"
)

type document struct {
	name  string
	count int
	share float64
	on    bool
	list  []string
}

func read(text string) (d document, err error) {
	n, err := strictyaml.Parse("x.yaml", []byte(text))
	if err != nil {
		return d, err
	}
	err = n.Members(map[string]strictyaml.Reader{
		"name":  strictyaml.Text(&d.name),
		"count": strictyaml.Int(&d.count),
		"share": strictyaml.Float(&d.share),
		"on":    strictyaml.Bool(&d.on),
		"list": func(n strictyaml.Node) error {
			return n.List(func(_ int, v strictyaml.Node) error {
				s, err := v.Text()
				d.list = append(d.list, s)
				return err
			})
		},
	})
	return d, err
}

func TestScalarsKeepTheirSpelling(t *testing.T) {
	d, err := read("\ufeffname: 1.10\r\ncount: -3\r\nshare: 1e-3\r\non: true\r\nlist: [true, \"a\\nb\", 2026-11-01, 'x']\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if d.name != "1.10" || d.count != -3 || d.share != 1e-3 || !d.on {
		t.Errorf("got %+v", d)
	}
	if got := strings.Join(d.list, "|"); got != "true|a\nb|2026-11-01|x" {
		t.Errorf("list is %q", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown member":          {"name: a\ncuont: 1\n", `x.yaml:2: unknown member "cuont", did you mean "count"?`},
		"a member that stands twice": {"name: a\nname: b\n", "x.yaml:2: "},
		"a fraction as whole number": {"count: 3.7\n", `x.yaml:1: count: want a whole number, not "3.7"`},
		"quoted digits as number":    {"count: \"3\"\n", "want a whole number"},
		"octal digits":               {"count: 0x10\n", "want a whole number"},
		"a number with underscores":  {"share: 1_0\n", "want a number"},
		"an infinite number":         {"share: .inf\n", "want a number"},
		"a huge number":              {"share: 1e999\n", "beyond the range of float64"},
		"no number":                  {"share: nan\n", "want a number"},
		"yes for true":               {"on: yes\n", `want true or false, not "yes"`},
		"a missing value":            {"name:\n", "x.yaml:1: name: want text, not nothing"},
		"a map for a list":           {"list: {a: b}\n", "want a list, not a map"},
		"a list for a map":           {"- a\n", "want a map, not a list"},
		"an empty file":              {"", "want a map, not nothing"},
		"a second document":          {"name: a\n---\nname: b\n", "x.yaml:3: a second document"},
		"an anchor":                  {"name: &a x\n", "x.yaml:1: "},
		"an alias":                   {"name: *a\n", "x.yaml:1: "},
		"a tag":                      {"name: !!str x\n", "x.yaml:1: "},
		"a merge":                    {"<<: {name: a}\n", "x.yaml:1: "},
		"bytes that are not UTF-8":   {"name: \xff\n", "is not UTF-8"},
		"an open bracket":            {"list: [a\n", "x.yaml:1: "},
		"a tab":                      {"name: a\n\tcount: 1\n", "x.yaml:2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
		})
	}
}

func TestHostileDocumentsCostLittle(t *testing.T) {
	half := strictyaml.MaxSize / 2
	for name, text := range map[string]string{
		"nested lists":   "list: " + strings.Repeat("[", half),
		"nested maps":    "list: " + strings.Repeat("{a: ", half/4),
		"nested entries": "list:\n " + strings.Repeat("- ", half/2),
		"complex keys":   "list:\n " + strings.Repeat("? ", half/2),
		"many members":   manyMembers(half / 8),
		"flow members":   "{" + strings.ReplaceAll(manyMembers(half/8), "\n", ", ") + "}",
		"indentation":    indentation(900),
		"too long":       strings.Repeat("#", strictyaml.MaxSize+1),
	} {
		t.Run(name+" are refused at once", func(t *testing.T) {
			start := time.Now()
			if _, err := strictyaml.Parse("x.yaml", []byte(text)); err == nil {
				t.Error("was accepted")
			}
			if d := time.Since(start); d > 20*time.Second { // quadratic time would be minutes
				t.Errorf("took %v", d)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k")
		b.WriteString(strings.Repeat("x", i%7))
		b.WriteString(": 1\n")
	}
	return b.String()
}

func indentation(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func FuzzQuoteReadsBack(f *testing.F) {
	for _, s := range []string{"", "a", "true", "a: b", "#", "é\n\t\"\\", "\x00\x7f\u0085\u2028\ufeff", "- a", "1e3", "a ", "…", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		n, err := strictyaml.Parse("x.yaml", []byte("a: "+strictyaml.Quote(s)+"\n"))
		if err != nil {
			t.Fatalf("%q: %v", strictyaml.Quote(s), err)
		}
		var got string
		if err := n.Members(map[string]strictyaml.Reader{"a": strictyaml.Text(&got)}); err != nil {
			t.Fatalf("%q: %v", strictyaml.Quote(s), err)
		}
		if got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("a: {b: [1, 2], c: \"x\"}\n# d\ne:\n  - f: |\n      g\n")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := strictyaml.Parse("x.yaml", []byte(s))
		if err != nil {
			return
		}
		var walk func(strictyaml.Node) error
		walk = func(n strictyaml.Node) error {
			switch {
			case n.IsMap():
				return n.Each(func(_ string, v strictyaml.Node) error { return walk(v) })
			case n.IsList():
				return n.List(func(_ int, v strictyaml.Node) error { return walk(v) })
			}
			_, err := n.Text()
			return err
		}
		_ = walk(n) // an error or not, but never a panic
	})
}
