package catboost

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// A model is what a file says, in its own terms. Features have numbers among those of their type, and flat ones among
// all; splits have numbers among all borders and values that any tree asks for.
type model struct {
	info       info
	floats     []floatFeature
	categories []categoricalFeature
	oneHots    []oneHot
	ctrs       []ctrFeature
	tables     map[string]*ctrTable // by the key of what they count
	outputs    int
	trees      trees
	scale      float64
	bias       []float64
}

type feature struct {
	index, flat int32
	name        string
}

func (f *feature) check() error {
	if f.index < 0 || f.flat < 0 {
		return fmt.Errorf("a feature that is number %d of its type and %d of all", f.index, f.flat)
	}
	return nil
}

type floatFeature struct {
	feature
	borders  []float32 // in ascending order; none in a feature that no tree asks for
	nanAbove bool      // NaN is above all borders; else it is below
}

type categoricalFeature struct {
	feature
	unused bool // no tree asks for it
}

type oneHot struct {
	category int32 // the index of a categorical feature
	values   []int32
}

// slots say where features stand in a row.
type slots struct {
	floats     map[int32]int32 // by the index of a float feature
	nanAbove   map[int32]bool  // likewise, where NaN is above all borders
	categories map[int32]int32 // by the index of a categorical feature that is used
}

// spec turns what a file says into a pipeline.
func (m *model) spec() (pipeline.Spec, error) {
	s := pipeline.Spec{
		Format: "catboost", Trainer: m.info.trainer, Objective: m.info.loss, Best: -1,
		Notes: m.info.notes,
	}
	at, err := m.columns(&s)
	if err != nil {
		return s, err
	}
	splits, err := m.splits(&s, at)
	if err != nil {
		return s, err
	}
	s.Forest = &forest.Forest{
		Features: len(s.Columns), Outputs: m.outputs, Input: forest.Float32, Sum: forest.Float64,
		BaseLast: true, Scale: m.scale,
	}
	if s.Inputs != nil {
		s.Forest.Features = len(s.Inputs)
	}
	if err := m.trees.plant(s.Forest, splits); err != nil {
		return s, err
	}
	if err := m.balance(s.Forest); err != nil {
		return s, err
	}
	if err := m.link(&s); err != nil {
		return s, err
	}
	return s, nil
}

// columns fills in the columns, in flat order, and says where each feature stands.
func (m *model) columns(s *pipeline.Spec) (slots, error) {
	type column struct {
		feature
		category bool
	}
	var all []column
	for _, f := range m.floats {
		all = append(all, column{f.feature, false})
	}
	for _, f := range m.categories {
		all = append(all, column{f.feature, true})
	}
	slices.SortStableFunc(all, func(a, b column) int { return cmp.Compare(a.flat, b.flat) })
	at := slots{floats: map[int32]int32{}, nanAbove: map[int32]bool{}, categories: map[int32]int32{}}
	taken := map[string]bool{}
	for _, c := range all {
		taken[c.name] = true
	}
	for i, c := range all {
		if i > 0 && c.flat == all[i-1].flat {
			return at, fmt.Errorf("two features are number %d", c.flat)
		}
		kind, word := at.floats, "float"
		if c.category {
			kind, word = at.categories, "categorical"
		}
		if _, twice := kind[c.index]; twice {
			return at, fmt.Errorf("two %s features are number %d of these", word, c.index)
		}
		kind[c.index] = int32(i)
		name := c.name
		if name == "" {
			for name = "f" + strconv.Itoa(int(c.flat)); taken[name]; {
				name += "_"
			}
		}
		if c.category {
			s.Columns = append(s.Columns, pipeline.HashedColumn(name, code))
			s.Float64Rows = true
		} else {
			s.Columns = append(s.Columns, pipeline.Column{Name: name})
		}
	}
	for _, f := range m.categories {
		if f.unused {
			delete(at.categories, f.index)
		}
	}
	for _, f := range m.floats {
		if f.nanAbove {
			at.nanAbove[f.index] = true
		}
	}
	return at, nil
}

// code is the code of a category in a row.
func code(text string) float64 { return float64(hash(text)) }

// A split is what a node of a tree asks: whether a feature of the forest is above a border.
type split struct {
	feature  int32
	border   float32
	nanAbove bool
}

// splits lists all splits by their numbers, and adds the steps that make categories numbers. A model of numbers alone
// has no steps: its forest reads the columns.
func (m *model) splits(s *pipeline.Spec, at slots) ([]split, error) {
	borders := 0
	for _, f := range m.floats {
		borders += len(f.borders)
	}
	all := make([]split, 0, borders)
	steps := len(m.oneHots) > 0 || len(m.ctrs) > 0
	for _, f := range m.floats {
		if err := ascending(f.borders); err != nil {
			return nil, fmt.Errorf("float feature %d: %w", f.index, err)
		}
		if len(f.borders) == 0 {
			continue
		}
		input := at.floats[f.index]
		if steps {
			s.Inputs = append(s.Inputs, input)
			input = int32(len(s.Inputs) - 1)
		}
		for _, b := range f.borders {
			all = append(all, split{input, b, f.nanAbove && !math.IsInf(float64(b), 1)})
		}
	}
	if !steps {
		return all, nil
	}
	s.Rows = forest.Float32
	next := int32(len(s.Columns)) // the slot that the next step fills
	for i, f := range m.oneHots {
		step, err := f.step(at)
		if err != nil {
			return nil, fmt.Errorf("one-hot feature %d: %w", i, err)
		}
		s.Steps = append(s.Steps, step)
		for range f.values {
			all = append(all, split{feature: int32(len(s.Inputs)), border: 0.5})
			s.Inputs = append(s.Inputs, next)
			next++
		}
	}
	work := 0 // numbers that a row's CTRs add up
	for i := 0; i < len(m.ctrs); {
		n := 1 // CTRs of one table stand side by side
		for i+n < len(m.ctrs) && m.ctrs[i+n].key == m.ctrs[i].key {
			n++
		}
		step, err := m.ctrStep(m.ctrs[i:i+n], at)
		if err != nil {
			return nil, fmt.Errorf("ctr %d: %w", i, err)
		}
		if work += (n + 1) * step.Counts.Classes; work > maxWork {
			return nil, fmt.Errorf("ctr %d: those up to here add up more than %d counts of a row", i, maxWork)
		}
		s.Steps = append(s.Steps, step)
		for _, c := range m.ctrs[i : i+n] {
			for _, b := range c.borders {
				all = append(all, split{feature: int32(len(s.Inputs)), border: b})
			}
			s.Inputs = append(s.Inputs, next)
			next++
		}
		i += n
	}
	return all, nil
}

// step makes a categorical feature an indicator for each of its values.
func (f oneHot) step(at slots) (pipeline.Step, error) {
	slot, ok := at.categories[f.category]
	if !ok {
		return nil, fmt.Errorf("there is no categorical feature %d in use", f.category)
	}
	values := make([]float64, len(f.values))
	for i, v := range f.values {
		values[i] = float64(uint32(v))
	}
	return pipeline.NewIndicators(slot, values)
}

// ascending wants borders that a row's value can be counted against.
func ascending(borders []float32) error {
	for i, b := range borders {
		switch {
		case b != b:
			return fmt.Errorf("border %d is NaN", i)
		case i > 0 && b <= borders[i-1]:
			return fmt.Errorf("border %d, %v, does not follow %v", i, b, borders[i-1])
		}
	}
	return nil
}

// balance fills in scale and bias, which counts in a range of trees that begins with the first.
func (m *model) balance(f *forest.Forest) error {
	if math.IsNaN(m.scale) || math.IsInf(m.scale, 0) {
		return fmt.Errorf("scale is %v", m.scale)
	}
	if len(m.bias) != 0 && len(m.bias) != m.outputs {
		return fmt.Errorf("%d values of bias for %d outputs", len(m.bias), m.outputs)
	}
	if m.scale == 0 { // in a forest that is none
		for i := range f.Trees {
			f.Trees[i].Weight = 0
		}
	}
	if slices.ContainsFunc(m.bias, func(b float64) bool { return b != 0 }) {
		f.Base = m.bias
		f.Later = slices.Repeat([]float64{math.Copysign(0, -1)}, m.outputs) // which leaves every sum as it is
	}
	return nil
}
