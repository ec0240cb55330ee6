package drift

import (
	"fmt"
	"math"
	"strconv"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// What a reference may have at most.
const (
	maxRows  = math.MaxInt32
	maxParts = 64 // bins of a column
)

// The words for what rows a reference was made of.
const (
	ofRows   = "rows"
	ofGolden = "golden rows"
)

// Text returns the reference as the file that Parse reads.
func (r *Reference) Text() []byte {
	of := ofRows
	if r.Golden {
		of = ofGolden
	}
	b := fmt.Appendf(nil, "besra: 1\nrows: %d\nof: %s\n", r.Rows, of)
	if r.Score != nil {
		b = fmt.Appendf(b, "output: %d\nscore: {", r.Output)
		b = append(r.Score.appendTo(b), "}\n"...)
	}
	b = append(b, "features:\n"...)
	for i := range r.Features {
		f := &r.Features[i]
		b = fmt.Appendf(b, "  - {name: %s, ", strictyaml.Quote(f.Name))
		b = append(f.appendTo(b), "}\n"...)
	}
	return b
}

func (h *Histogram) appendTo(b []byte) []byte {
	if h.IsCategories() {
		b = fmt.Appendf(b, "missing: %d, other: %d, categories: [", h.Counts[missing], h.Counts[other])
		for i, c := range h.Categories {
			b = append(appendComma(b, i), strictyaml.Quote(c.Name)...)
		}
	} else {
		b = fmt.Appendf(b, "missing: %d, zero: %d, edges: [", h.Counts[missing], h.Counts[zero])
		for i, e := range h.Edges {
			b = strconv.AppendFloat(appendComma(b, i), e, 'g', -1, 64)
		}
	}
	b = append(b, "], counts: ["...)
	for i, c := range h.Counts[first:] {
		b = strconv.AppendUint(appendComma(b, i), c, 10)
	}
	return append(b, ']')
}

func appendComma(b []byte, i int) []byte {
	if i == 0 {
		return b
	}
	return append(b, ", "...)
}

// Parse reads a reference for a model with these columns, of whose values output is the score; -1: none is. file is
// what errors call it. What it returns fits the model: a Watch needs no more checks.
func Parse(file string, data []byte, columns []besra.Column, output int) (*Reference, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	r := &Reference{Output: -1}
	var layout int
	var of string
	var score, features strictyaml.Node
	keep := func(p *strictyaml.Node) strictyaml.Reader {
		return func(n strictyaml.Node) error { *p = n; return nil }
	}
	err = root.Members(map[string]strictyaml.Reader{
		"besra": strictyaml.Int(&layout), "rows": strictyaml.Int(&r.Rows), "of": strictyaml.Text(&of),
		"output": strictyaml.Int(&r.Output), "score": keep(&score), "features": keep(&features),
	})
	switch {
	case err != nil:
		return nil, err
	case layout != 1:
		return nil, root.Errorf("besra: want 1, the layout that this version of besra reads")
	case r.Rows < 1 || r.Rows > maxRows:
		return nil, root.Errorf("rows: want a number from 1, the rows that it was made of")
	case of != ofRows && of != ofGolden:
		return nil, root.Errorf("of: want %s or %s", ofRows, ofGolden)
	case features.IsNull():
		return nil, root.Errorf("features: is missing")
	case score.IsNull() != (r.Output < 0):
		return nil, root.Errorf("want output and score, or neither")
	case !score.IsNull() && r.Output != output:
		return nil, root.Errorf("output: its scores are value %d of the model, and the bundle's are %s: make it anew", r.Output, valueOf(output))
	}
	r.Golden = of == ofGolden
	if !score.IsNull() {
		r.Score = &Histogram{}
		if err := r.Score.read(score, &besra.Column{}, r.Rows, nil); err != nil {
			return nil, err
		}
	}
	if err := r.readFeatures(features, columns); err != nil {
		return nil, err
	}
	return r, nil
}

func valueOf(output int) string {
	if output < 0 {
		return "none"
	}
	return fmt.Sprintf("value %d", output)
}

// readFeatures reads the features, which are the model's columns in their order.
func (r *Reference) readFeatures(n strictyaml.Node, columns []besra.Column) error {
	err := n.List(func(i int, v strictyaml.Node) error {
		if i == len(columns) {
			return v.Errorf("the model has %d columns: make it anew", len(columns))
		}
		var f Feature
		if err := f.read(v, &columns[i], r.Rows, &f.Name); err != nil {
			return err
		}
		if f.Name != columns[i].Name {
			return v.Errorf("name: the model's column %d is %.80q, not %.80q: make it anew", i, columns[i].Name, f.Name)
		}
		f.names, f.absent = columns[i].Type == besra.String, columns[i].Absent()
		r.Features = append(r.Features, f)
		return nil
	})
	if err == nil && len(r.Features) != len(columns) {
		return n.Errorf("has %d, and the model has %d columns: make it anew", len(r.Features), len(columns))
	}
	return err
}

// read reads the histogram of a column over so many rows, and its name unless nil.
func (h *Histogram) read(n strictyaml.Node, c *besra.Column, rows int, name *string) error {
	isCategories := c.Type == besra.String || c.Type == besra.Category
	var none, rest int
	var counts []uint64
	known := map[string]strictyaml.Reader{"missing": strictyaml.Int(&none), "counts": countsInto(&counts)}
	if name != nil {
		known["name"] = strictyaml.Text(name)
	}
	if isCategories {
		h.Categories = []Category{}
		known["other"], known["categories"] = strictyaml.Int(&rest), h.categoriesInto(c)
	} else {
		known["zero"], known["edges"] = strictyaml.Int(&rest), h.edgesInto()
	}
	if err := n.Members(known); err != nil {
		return err
	}
	bins := len(h.Categories)
	if !isCategories {
		bins = len(h.Edges) + 1
	}
	if len(counts) != bins {
		return n.Errorf("counts: has %d, want %d", len(counts), bins)
	}
	if none < 0 || rest < 0 {
		return n.Errorf("a count below 0")
	}
	h.Counts = append([]uint64{uint64(none), uint64(rest)}, counts...)
	if total := bounded(h.Counts); total != uint64(rows) {
		return n.Errorf("its counts make %d, and there are %d rows", total, rows)
	}
	return nil
}

// bounded returns the sum of counts, or a number larger than maxRows when it is larger.
func bounded(counts []uint64) (n uint64) {
	for _, c := range counts {
		n = min(n+min(c, maxRows+1), maxRows+1)
	}
	return n
}

func countsInto(p *[]uint64) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		return n.List(func(i int, v strictyaml.Node) error {
			x, err := v.Int()
			switch {
			case err != nil:
				return err
			case x < 0:
				return v.Errorf("a count below 0")
			case i > maxParts:
				return v.Errorf("more than %d bins", maxParts)
			}
			*p = append(*p, uint64(x))
			return nil
		})
	}
}

func (h *Histogram) edgesInto() strictyaml.Reader {
	return func(n strictyaml.Node) error {
		return n.List(func(i int, v strictyaml.Node) error {
			x, err := v.Float()
			switch {
			case err != nil:
				return err
			case i == maxParts:
				return v.Errorf("more than %d edges", maxParts)
			case i > 0 && x <= h.Edges[i-1]:
				return v.Errorf("want edges that ascend")
			}
			h.Edges = append(h.Edges, x)
			return nil
		})
	}
}

func (h *Histogram) categoriesInto(c *besra.Column) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		return n.List(func(i int, v strictyaml.Node) error {
			text, err := v.Text()
			if err != nil {
				return err
			}
			if i == maxParts {
				return v.Errorf("more than %d categories", maxParts)
			}
			code := c.Code(text)
			if c.Type == besra.Category {
				if code, err = strconv.ParseFloat(text, 64); err != nil || math.IsInf(code, 0) {
					return v.Errorf("want the number of a category, not %.80q", text)
				}
			}
			if math.IsNaN(code) {
				return v.Errorf("the model's column %.80q has no category %.80q: make it anew", c.Name, text)
			}
			for _, other := range h.Categories {
				if other.Code == code {
					return v.Errorf("%.80q stands twice", text)
				}
			}
			h.Categories = append(h.Categories, Category{text, code})
			return nil
		})
	}
}
