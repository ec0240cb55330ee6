package bundle

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// manifestFile is the file that makes a folder a bundle.
const manifestFile = "bundle.yaml"

// A Manifest is what bundle.yaml says.
type Manifest struct {
	Name       string
	Version    int               // from 1; 0 for a bare model file
	Model      string            // the model file's path in the bundle
	Files      map[string]string // the hexadecimal SHA-256 of each file, by path
	Trainer    Trainer
	ULP        uint64     // how far answers may be from the trainer's, in units in the last place; 0: exact
	Missing    *float64   // a number that the trainer was told to take for missing; nil: none but NaN
	Iterations Iterations // the boosting rounds that count
	Output     string     // the output that is the score, by label or from 0; "": the default
	Features   []Declared // nil: as the model file has them
	Memo       bool       // whether equal rows may be answered from memory
	About      []Member   // what its authors wish to say
}

// A Trainer is the library that trained a model.
type Trainer struct{ Library, Version string }

// Iterations is a choice of boosting rounds. The zero value is all of them.
type Iterations struct {
	Best     bool // those up to the best, as early stopping recorded it
	Some     bool // those from From, before To
	From, To int
}

// String returns all, best or A:B.
func (i Iterations) String() string {
	switch {
	case i.Best:
		return "best"
	case i.Some:
		return fmt.Sprintf("%d:%d", i.From, i.To)
	}
	return "all"
}

// ParseIterations reads all, best or A:B.
func ParseIterations(text string) (Iterations, error) {
	switch text {
	case "all":
		return Iterations{}, nil
	case "best":
		return Iterations{Best: true}, nil
	}
	a, b, ok := strings.Cut(text, ":")
	from, errFrom := strconv.ParseUint(a, 10, 31)
	to, errTo := strconv.ParseUint(b, 10, 31)
	if !ok || errFrom != nil || errTo != nil || from >= to {
		return Iterations{}, fmt.Errorf("want all, best or A:B with A < B, not %q", text)
	}
	return Iterations{Some: true, From: int(from), To: int(to)}, nil
}

// A Member is one of the manifest's about, as text; those of inner maps and lists are joined by dots.
type Member struct{ Name, Text string }

// parseManifest reads bundle.yaml.
func parseManifest(data []byte) (*Manifest, error) {
	root, err := strictyaml.Parse(manifestFile, data)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	layout := 0
	err = root.Members(map[string]strictyaml.Reader{
		"besra":      layoutInto(&layout),
		"name":       nameInto(&m.Name),
		"version":    versionInto(&m.Version),
		"model":      pathInto(&m.Model),
		"files":      filesInto(m),
		"trainer":    trainerInto(&m.Trainer),
		"parity":     parityInto(&m.ULP),
		"missing":    missingInto(&m.Missing),
		"iterations": iterationsInto(&m.Iterations),
		"output":     outputInto(&m.Output),
		"features":   featuresInto(&m.Features),
		"memo":       strictyaml.Bool(&m.Memo),
		"about":      aboutInto(&m.About),
	})
	if err != nil {
		return nil, err
	}
	for _, required := range []struct {
		name string
		ok   bool
	}{
		{"besra", layout != 0},
		{"name", m.Name != ""},
		{"version", m.Version != 0},
		{"model", m.Model != ""},
		{"files", m.Files != nil},
	} {
		if !required.ok {
			return nil, root.Errorf("%s: is missing", required.name)
		}
	}
	if m.Files[m.Model] == "" {
		return nil, root.Errorf("files: has no digest of the model file %s", m.Model)
	}
	return m, nil
}

func layoutInto(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Int(); err == nil && *p != 1 {
			return n.Errorf("layout %d is not known; this version of besra reads 1", *p)
		}
		return err
	}
}

// IsName reports whether s can name a model: 1 to 64 of a-z, 0-9 and -.
func IsName(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func nameInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Text(); err == nil && !IsName(*p) {
			return n.Errorf("want 1 to 64 of a-z, 0-9 and -, not %.80q", *p)
		}
		return err
	}
}

// maxVersion keeps versions within what every client's numbers hold.
const maxVersion = 1<<31 - 1

func versionInto(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Int(); err == nil && (*p < 1 || *p > maxVersion) {
			return n.Errorf("want 1 to %d, not %d", maxVersion, *p)
		}
		return err
	}
}

func pathInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Text(); err == nil && !isPath(*p) {
			return n.Errorf("want the path of a file within the bundle, not %.80q", *p)
		}
		return err
	}
}

func filesInto(m *Manifest) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		m.Files = map[string]string{}
		return n.Each(func(path string, v strictyaml.Node) error {
			if !isPath(path) || path == manifestFile {
				return v.Errorf("want the path of a file within the bundle, not %.80q", path)
			}
			text, err := v.Text()
			if err != nil {
				return err
			}
			sum, ok := strings.CutPrefix(text, "sha256:")
			if !ok || len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
				return v.Errorf("want sha256: and 64 hexadecimal digits, not %.80q", text)
			}
			m.Files[path] = sum
			return nil
		})
	}
}

func trainerInto(t *Trainer) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		return n.Members(map[string]strictyaml.Reader{
			"library": strictyaml.Text(&t.Library),
			"version": strictyaml.Text(&t.Version),
		})
	}
}

func parityInto(p *uint64) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		if !n.IsMap() {
			text, err := n.Text()
			if err == nil && text != "exact" {
				return n.Errorf("want exact or {ulp: N}, not %.80q", text)
			}
			return err
		}
		ulp := -1
		err := n.Members(map[string]strictyaml.Reader{"ulp": strictyaml.Int(&ulp)})
		if err == nil && (ulp < 0 || ulp > maxVersion) {
			return n.Errorf("want exact or {ulp: N} with N from 0")
		}
		*p = uint64(max(ulp, 0))
		return err
	}
}

func missingInto(p **float64) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		if text, err := n.Text(); err == nil && strings.EqualFold(strings.TrimPrefix(text, "."), "nan") {
			return nil
		}
		x, err := n.Float()
		if err != nil {
			return n.Errorf("want nan or a number")
		}
		*p = &x
		return nil
	}
}

func iterationsInto(p *Iterations) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if *p, err = ParseIterations(text); err != nil {
			return n.Errorf("%w", err)
		}
		return nil
	}
}

func outputInto(p *string) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Text(); err == nil && *p == "" {
			return n.Errorf("want the number or the label of an output")
		}
		return err
	}
}

// aboutInto takes whatever plain YAML there is.
func aboutInto(p *[]Member) strictyaml.Reader {
	var add func(name string, n strictyaml.Node) error
	add = func(name string, n strictyaml.Node) error {
		inner := func(key string) string {
			if name == "" {
				return key
			}
			return name + "." + key
		}
		switch {
		case n.IsNull():
			return nil
		case n.IsMap():
			return n.Each(func(key string, v strictyaml.Node) error { return add(inner(key), v) })
		case n.IsList():
			return n.List(func(i int, v strictyaml.Node) error { return add(inner(strconv.Itoa(i)), v) })
		}
		text, err := n.Text()
		*p = append(*p, Member{name, text})
		return err
	}
	return func(n strictyaml.Node) error { return add("", n) }
}
