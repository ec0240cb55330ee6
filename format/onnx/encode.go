package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/pipeline"
)

// An entry is a key of a table and what it becomes.
type entry struct{ key, value float64 }

// newTable makes a table of entries, of which the first counts when a key is there twice, or the last.
func newTable(entries []entry, other float64, last bool) *pipeline.Table {
	if last {
		slices.Reverse(entries)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	t := &pipeline.Table{Other: other, Missing: other}
	for _, e := range entries {
		if math.IsNaN(e.key) {
			if t.Missing == other || math.IsNaN(t.Missing) {
				t.Missing = e.value
			}
			continue
		}
		if n := len(t.Keys); n > 0 && t.Keys[n-1] == e.key {
			continue
		}
		t.Keys, t.Values = append(t.Keys, e.key), append(t.Values, e.value)
	}
	return t
}

// A coder makes tables from keys that are texts, one for each column of strings, or from numbers.
type coder struct {
	nan    bool // NaN may be a key
	texts  []string
	keys   []float64
	values []float64 // of each key
	other  float64
	last   bool // the last of equal keys counts

	tables map[*names]*pipeline.Table
	shared *pipeline.Table
}

// table returns the table for a cell.
func (e *coder) table(c cell) (*pipeline.Table, error) {
	if e.texts == nil {
		if e.shared == nil {
			entries := make([]entry, len(e.keys))
			for i, k := range e.keys {
				entries[i] = entry{k, e.values[i]}
			}
			if e.shared = newTable(entries, e.other, e.last); !e.nan {
				e.shared.Missing = e.other
			}
		}
		return e.shared, nil
	}
	if c.names == nil {
		return nil, errors.New("input is no text")
	}
	if t := e.tables[c.names]; t != nil {
		return t, nil
	}
	entries := make([]entry, 0, len(e.texts))
	for i, text := range e.texts {
		if code, ok := c.names.code(text); ok {
			entries = append(entries, entry{float64(code), e.values[i]})
		}
	}
	if e.tables == nil {
		e.tables = map[*names]*pipeline.Table{}
	}
	e.tables[c.names] = newTable(entries, e.other, e.last)
	return e.tables[c.names], nil
}

// each returns the tables of all cells.
func (e *coder) each(b *builder, cells []cell) ([]*pipeline.Table, error) {
	out := make([]*pipeline.Table, len(cells))
	for i, c := range cells {
		if e.texts != nil && e.tables[c.names] == nil {
			if err := b.charge(2 * len(e.texts)); err != nil { // for the table, and for the column's names
				return nil, err
			}
		}
		var err error
		if out[i], err = e.table(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) oneHotEncoder() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	e := &coder{other: -1, last: true}
	for _, x := range c.integers("cats_int64s") {
		if err := exact(x); err != nil {
			return nil, fmt.Errorf("cats_int64s: %w", err)
		}
		e.keys = append(e.keys, float64(x))
	}
	list := c.textsOf("cats_strings")
	if (len(list) == 0) == (len(e.keys) == 0) {
		return nil, fmt.Errorf("%d cats_strings and %d cats_int64s", len(list), len(e.keys))
	}
	if (v.kind == texts) != (len(list) > 0) {
		return nil, fmt.Errorf("input is %v for %d cats_strings", v.kind, len(list))
	}
	if v.kind == texts {
		e.texts = list
	}
	count := max(len(list), len(e.keys))
	for i := range count {
		e.values = append(e.values, float64(i))
	}
	if len(v.dims) > 2 || v.size() > pipeline.MaxSlots/count {
		return nil, fmt.Errorf("%d categories of shape %v", count, v.dims)
	}
	if err := c.charge(2 * count); err != nil {
		return nil, err
	}
	tables, err := e.each(c.builder, v.cells)
	if err != nil {
		return nil, err
	}
	if c.integer("zeros", 1) == 0 {
		c.note("A category that the graph's OneHotEncoder does not know is none of them; ONNX Runtime refuses the row.")
	}
	dims := append(slices.Clone(v.dims), count)
	return one(c.compute(float32s, dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.OneHot{X: s[0], Tables: tables, Count: count, Whole: v.kind.isFloat()}
	}))
}

// exact refuses integers that a float64 does not hold.
func exact(x int64) error {
	if x > 1<<53 || x < -1<<53 {
		return fmt.Errorf("%d is beyond 2^53", x)
	}
	return nil
}

// keys returns the numbers or texts of a LabelEncoder's keys or values, whichever attribute has them.
func (c *call) encoded(what string) (k kind, numbers []float64, list []string, err error) {
	if a := c.attribute(what + "_tensor"); a != nil {
		v, err := c.constant(a.tensor)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("attribute %s_tensor: %w", what, err)
		}
		for _, e := range v.cells {
			if v.kind == texts {
				list = append(list, e.names.list[int(e.number)])
			} else {
				numbers = append(numbers, e.number)
			}
		}
		return v.kind, numbers, list, nil
	}
	if a := c.attribute(what + "_strings"); a != nil {
		return texts, nil, textList(a), nil
	}
	if a := c.attribute(what + "_floats"); a != nil {
		return float32s, floatList(a), nil, nil
	}
	if a := c.attribute(what + "_int64s"); a != nil {
		for _, x := range integerList(a) {
			if err := exact(x); err != nil {
				return 0, nil, nil, fmt.Errorf("attribute %s_int64s: %w", what, err)
			}
			numbers = append(numbers, float64(x))
		}
		return int64s, numbers, nil, nil
	}
	return 0, nil, nil, fmt.Errorf("no %s that are read", what)
}

func (c *call) labelEncoder() ([]*value, error) {
	if err := c.need(1); err != nil {
		return nil, err
	}
	v := c.in[0]
	e := &coder{nan: c.version("ai.onnx.ml") >= 4}
	from, to := texts, int64s
	var become *names                                  // when they become texts
	if a := c.attribute("classes_strings"); a != nil { // before version 2
		if v.kind != texts {
			return nil, fmt.Errorf("input is %v: numbers become strings, which is not supported", v.kind)
		}
		e.texts, e.last = textList(a), true
		for i := range e.texts {
			e.values = append(e.values, float64(i))
		}
		e.other = float64(c.integer("default_int64", -1))
	} else {
		var err error
		if from, e.keys, e.texts, err = c.encoded("keys"); err != nil {
			return nil, err
		}
		var list []string
		if to, e.values, list, err = c.encoded("values"); err != nil {
			return nil, err
		}
		if to == texts {
			become = e.becomes(list, c.defaultText())
		} else if e.other, err = c.defaultValue(to); err != nil {
			return nil, err
		}
	}
	if from == texts && e.texts == nil {
		e.texts = []string{}
	}
	n := max(len(e.texts), len(e.keys))
	if n != len(e.values) {
		return nil, fmt.Errorf("%d keys for %d values", n, len(e.values))
	}
	if v.kind != from {
		return nil, fmt.Errorf("input is %v, keys are %v", v.kind, from)
	}
	if err := c.charge(2 * n); err != nil {
		return nil, err
	}
	tables, err := e.each(c.builder, v.cells)
	if err != nil {
		return nil, err
	}
	out, err := c.compute(to, v.dims, [][]cell{v.cells}, func(s [][]int32) pipeline.Step {
		return &pipeline.Lookup{Operator: c.node.op, X: s[0], Tables: tables, Width32: v.kind == float32s}
	})
	if err != nil {
		return nil, err
	}
	for i := range out.cells {
		out.cells[i].names = become
	}
	return []*value{out}, nil
}

// becomes makes the coder's values texts: each is the code of one in a list, which it returns.
func (e *coder) becomes(list []string, other string) *names {
	n := closed(append(slices.Clone(list), other))
	for _, text := range list {
		e.values = append(e.values, float64(n.codes[text]))
	}
	e.other = float64(n.codes[other])
	return n
}

// defaultText returns the text that a LabelEncoder makes of others than its keys.
func (c *call) defaultText() string {
	if a := c.attribute("default_tensor"); a != nil && a.tensor != nil {
		if v, err := c.constant(a.tensor); err == nil && len(v.cells) > 0 && v.kind == texts {
			return v.cells[0].names.list[int(v.cells[0].number)]
		}
	}
	return c.text("default_string", "_Unused")
}

// defaultValue returns what a LabelEncoder makes of others than its keys.
func (c *call) defaultValue(k kind) (float64, error) {
	if a := c.attribute("default_tensor"); a != nil && a.tensor != nil {
		v, err := c.constant(a.tensor)
		switch {
		case err != nil:
			return 0, fmt.Errorf("attribute default_tensor: %w", err)
		case len(v.cells) > 0 && v.kind != texts:
			return v.cells[0].number, nil
		}
	}
	if k == int64s || k == int32s {
		return float64(c.integer("default_int64", -1)), nil
	}
	if a := c.attribute("default_float"); a.has(attributeFloat) {
		return float64(a.float), nil
	}
	return math.Copysign(0, -1), nil
}

// classLabels returns the labels of classes, numbers as text.
func (c *call) classLabels(numbers, strings string) []string {
	labels := c.textsOf(strings)
	for _, x := range c.integers(numbers) {
		labels = append(labels, strconv.FormatInt(x, 10))
	}
	return labels
}
