package bundle

import (
	"fmt"
	"math"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/pipeline"
)

// A Feature is a column of the model and what may stand in it.
type Feature struct {
	besra.Column             // its name, type and dictionary
	Unit, Text        string // for people
	Min, Max          float64
	RefuseOutOfBounds bool // a value out of bounds is an error, else it is scored with a warning
	RefuseMissing     bool // a missing value is an error
}

// InBounds reports whether x, before it is rounded to the model's width, is within Min and Max, which are
// infinite where there is no bound. NaN is: whether a value may be missing is asked apart.
func (f *Feature) InBounds(x float64) bool { return !(x < f.Min || x > f.Max) }

// A Declared is a feature as a manifest has it.
type Declared struct {
	Feature
	typed bool // the manifest names a type
	node  strictyaml.Node
}

func featuresInto(p *[]Declared) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		*p = []Declared{}
		return n.List(func(_ int, v strictyaml.Node) error {
			d := Declared{Feature: unbounded(besra.Column{}), node: v}
			err := v.Members(map[string]strictyaml.Reader{
				"name":      strictyaml.Text(&d.Name),
				"type":      d.readType,
				"unit":      strictyaml.Text(&d.Unit),
				"text":      strictyaml.Text(&d.Text),
				"min":       strictyaml.Float(&d.Min),
				"max":       strictyaml.Float(&d.Max),
				"on_bounds": choiceInto(&d.RefuseOutOfBounds, "accept", "refuse"),
				"missing":   choiceInto(&d.RefuseMissing, "allow", "refuse"),
			})
			switch {
			case err != nil:
				return err
			case d.Name == "":
				return v.Errorf("name: is missing")
			case d.Min > d.Max:
				return v.Errorf("min %v is above max %v", d.Min, d.Max)
			case d.Type == besra.String && (!math.IsInf(d.Min, 0) || !math.IsInf(d.Max, 0)):
				return v.Errorf("a string has no min or max")
			}
			*p = append(*p, d)
			return nil
		})
	}
}

func (d *Declared) readType(n strictyaml.Node) error {
	text, err := n.Text()
	if err != nil {
		return err
	}
	t, ok := pipeline.ParseType(text)
	if !ok {
		return n.Errorf("want float, int, bool, category or string, not %.80q", text)
	}
	d.Type, d.typed = t, true
	return nil
}

// choiceInto reads one of two words; the second sets p.
func choiceInto(p *bool, no, yes string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err == nil && text != no && text != yes {
			return n.Errorf("want %s or %s, not %.80q", no, yes, text)
		}
		*p = text == yes
		return err
	}
}

func unbounded(c besra.Column) Feature {
	return Feature{Column: c, Min: math.Inf(-1), Max: math.Inf(1)}
}

// features returns the model's features as the manifest declares them.
func features(columns []besra.Column, declared []Declared) ([]Feature, error) {
	fs := make([]Feature, len(columns))
	if declared == nil {
		for i, c := range columns {
			fs[i] = unbounded(c)
		}
		return fs, nil
	}
	if len(declared) != len(columns) {
		return nil, fmt.Errorf("%s: features: %d of them, but the model has %d", manifestFile, len(declared), len(columns))
	}
	numbered := numberedColumns(columns)
	seen := make(map[string]bool, len(columns))
	for i, d := range declared {
		c := columns[i]
		switch {
		case !numbered && d.Name != c.Name:
			return nil, d.node.Errorf("is named %.80q, but the model has %.80q there", d.Name, c.Name)
		case seen[d.Name]:
			return nil, d.node.Errorf("the name %.80q stands twice", d.Name)
		case d.typed && !sameType(c.Type, d.Type):
			return nil, d.node.Errorf("has the type %v, but %v in the model", d.Type, c.Type)
		}
		seen[d.Name] = true
		if c.Name = d.Name; d.typed {
			c.Type = d.Type
		}
		d.Column = c // with the dictionary
		fs[i] = d.Feature
	}
	return fs, nil
}

// numberedColumns reports whether the model file has no names: its columns are f0, f1, ….
func numberedColumns(columns []besra.Column) bool {
	for i, c := range columns {
		if c.Name != fmt.Sprintf("f%d", i) {
			return false
		}
	}
	return true
}

// sameType reports whether a manifest may call a column of the model so: numbers are numbers, but codes and
// names are not.
func sameType(model, declared pipeline.Type) bool {
	number := func(t pipeline.Type) bool { return t == besra.Float || t == besra.Int || t == besra.Bool }
	return model == declared || number(model) && number(declared)
}
