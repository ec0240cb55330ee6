package catboost

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/internal/jsonscan"
	"github.com/besra-ml/besra/pipeline"
)

// A document reads a model in JSON. Its numbers are read to the nearest: the model that was trained, where CatBoost's
// own reader is a unit off in the last place now and then.
type document struct {
	*jsonscan.Scanner
	m *model
}

func (m *model) readJSON(data []byte) error {
	d := document{jsonscan.New(data), m}
	m.scale = 1
	trees, features := false, false
	err := d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "model_info":
			return in(name, m.info.readJSON(d.Scanner))
		case "features_info":
			features = true
			return in(name, d.features())
		case "oblivious_trees", "trees":
			if trees {
				return errors.New("both oblivious_trees and trees")
			}
			trees = true
			m.trees.symmetric = name == "oblivious_trees"
			if m.trees.symmetric {
				return in(name, d.list(d.symmetricTree))
			}
			return in(name, d.list(d.freeTree))
		case "ctr_data":
			return in(name, d.tables())
		case "scale_and_bias":
			return in(name, d.scaleAndBias())
		}
		return d.Skip()
	})
	if err == nil {
		err = d.End()
	}
	switch {
	case err != nil:
		return err
	case !trees:
		return errors.New("no trees")
	case !features:
		return errors.New("no features_info")
	}
	if m.outputs == 0 { // no tree has said
		m.outputs = max(1, len(m.bias))
	}
	if m.ambiguous() {
		m.info.notes = append(m.info.notes, "The JSON does not say which targets its CTRs count, and has one table where "+
			"training had several: answers are those of CatBoost to this file, not those of the model that was trained. "+
			"Save it as .cbm instead.")
	}
	return nil
}

// ambiguous reports whether tables of CTRs may have taken each other's place, as they do where targets are several
// or are divided in several ways: in JSON their keys are the same.
func (m *model) ambiguous() bool {
	several := len(m.info.divisions) > 1
	switch m.info.loss {
	case "MultiRMSE", "MultiRMSEWithMissingValues", "MultiLogloss", "MultiCrossEntropy", "PythonUserDefinedMultiTarget":
		several = true
	}
	return several && slices.ContainsFunc(m.ctrs, func(c ctrFeature) bool { return c.rate.Kind != pipeline.RateFrequency })
}

// list calls each with the number of every element of an array, or of none: where CatBoost has nothing to write it
// writes null.
func (d document) list(each func(i int) error) error {
	if d.Peek() == 'n' {
		return d.Skip()
	}
	i := -1
	return d.Array(func() error {
		i++
		return in(strconv.Itoa(i), each(i))
	})
}

func (d document) int32() (int32, error) {
	v, err := d.Integer()
	if err == nil && v != int64(int32(v)) {
		err = fmt.Errorf("%d is beyond 32 bits", v)
	}
	return int32(v), err
}

func (d document) float32() (float32, error) {
	v, err := d.Float()
	return float32(v), err
}

// floats takes an array of float32s, which CatBoost writes, and reads, as float64s.
func (d document) floats() ([]float32, error) {
	var out []float32
	err := d.list(func(int) error {
		v, err := d.float32()
		out = append(out, v)
		return err
	})
	return out, err
}

func (d document) features() error {
	return d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "float_features":
			return in(name, d.list(d.floatFeature))
		case "categorical_features":
			return in(name, d.list(d.categoricalFeature))
		case "ctrs":
			return in(name, d.list(d.ctr))
		case "text_features", "embedding_features", "estimated_features":
			return in(name, d.list(func(int) error { return errors.New("such features are not supported") }))
		}
		return d.Skip()
	})
}

// feature takes a member that all features have; ok is false when it is none.
func (d document) feature(key []byte, f *feature) (ok bool, err error) {
	switch string(key) {
	case "feature_index":
		f.index, err = d.int32()
	case "flat_feature_index":
		f.flat, err = d.int32()
	case "feature_id":
		f.name, err = d.Text()
	default:
		return false, nil
	}
	return true, in(string(key), err)
}

func (d document) floatFeature(int) error {
	f := floatFeature{feature: feature{index: -1, flat: -1}}
	hasNaN, above := int64(0), false
	err := d.Object(func(key []byte) error {
		if ok, err := d.feature(key, &f.feature); ok {
			return err
		}
		var err error
		switch string(key) {
		case "borders":
			f.borders, err = d.floats()
		case "has_nans":
			hasNaN, err = d.Integer()
		case "nan_value_treatment":
			var text string
			if text, err = d.Text(); err == nil && text != "AsIs" && text != "AsFalse" && text != "AsTrue" {
				err = fmt.Errorf("unknown treatment %.40q", text)
			}
			above = text == "AsTrue"
		default:
			return d.Skip()
		}
		return in(string(key), err)
	})
	f.nanAbove = above && hasNaN != 0
	d.m.floats = append(d.m.floats, f)
	return err
}

func (d document) categoricalFeature(int) error {
	f := categoricalFeature{feature: feature{index: -1, flat: -1}}
	var values []int32
	err := d.Object(func(key []byte) error {
		if ok, err := d.feature(key, &f.feature); ok {
			return err
		}
		if string(key) != "values" {
			return d.Skip()
		}
		return in("values", d.list(func(int) error {
			v, err := d.int32()
			values = append(values, v)
			return err
		}))
	})
	d.m.categories = append(d.m.categories, f)
	if values != nil {
		d.m.oneHots = append(d.m.oneHots, oneHot{f.index, values})
	}
	return err
}

func (d document) ctr(int) error {
	c := ctrFeature{rate: pipeline.Rate{Weight: 1, Scale: 1}}
	err := d.Object(func(key []byte) (err error) {
		switch string(key) {
		case "elements":
			err = d.combination(&c.ctrBase)
		case "ctr_type":
			err = d.kind(&c.ctrBase)
		case "borders":
			c.borders, err = d.floats()
		case "target_border_idx":
			c.rate.Class, err = d.int32()
		case "prior_numerator":
			c.rate.Prior, err = d.float32()
		case "prior_denomerator":
			c.rate.Weight, err = d.float32()
		case "shift":
			c.rate.Shift, err = d.float32()
		case "scale":
			c.rate.Scale, err = d.float32()
		default:
			err = d.Skip()
		}
		return in(string(key), err)
	})
	c.key, c.rate.Kind = c.ctrBase.key(), c.kind.rate()
	d.m.ctrs = append(d.m.ctrs, c)
	return err
}

// combination takes what a CTR combines.
func (d document) combination(b *ctrBase) error {
	return d.list(func(int) error {
		var element string
		category, float, value, border := int32(-1), int32(-1), int32(0), float32(0)
		err := d.Object(func(key []byte) (err error) {
			switch string(key) {
			case "combination_element":
				element, err = d.Text()
			case "cat_feature_index":
				category, err = d.int32()
			case "float_feature_index":
				float, err = d.int32()
			case "value":
				value, err = d.int32()
			case "border":
				border, err = d.float32()
			default:
				err = d.Skip()
			}
			return in(string(key), err)
		})
		switch {
		case err != nil:
		case element == "cat_feature_value":
			b.categories = append(b.categories, category)
		case element == "float_feature":
			b.floats = append(b.floats, floatSplit{float, border})
		case element == "cat_feature_exact_value":
			b.oneHots = append(b.oneHots, oneHotSplit{category, value})
		default:
			err = fmt.Errorf("unknown element %.40q", element)
		}
		return err
	})
}

func (d document) kind(b *ctrBase) error {
	text, err := d.Text()
	if err != nil {
		return err
	}
	for k, name := range ctrKindNames() {
		if name == text {
			b.kind = ctrKind(k)
			return nil
		}
	}
	return fmt.Errorf("unknown kind %.40q", text)
}

// tables takes the tables of CTRs, whose keys are documents themselves.
func (d document) tables() error {
	if d.Peek() == 'n' {
		return d.Skip()
	}
	d.m.tables = map[string]*ctrTable{}
	i := -1
	return d.Object(func(key []byte) error {
		i++
		var base ctrBase
		inner := document{jsonscan.New(append([]byte(nil), key...)), d.m}
		err := inner.Object(func(key []byte) error {
			switch string(key) {
			case "identifier":
				return inner.combination(&base)
			case "type":
				return inner.kind(&base)
			}
			return inner.Skip()
		})
		if err == nil {
			err = inner.End()
		}
		if err != nil {
			return in(fmt.Sprintf("key %d", i), err)
		}
		if d.m.tables[base.key()] != nil {
			return fmt.Errorf("table %d: another one counts the same", i)
		}
		table, err := d.table(base.kind)
		d.m.tables[base.key()] = table
		return in(fmt.Sprintf("table %d", i), err)
	})
}

func (d document) table(kind ctrKind) (*ctrTable, error) {
	t := &ctrTable{Classes: 1}
	stride, begin := int64(0), -1
	err := d.Object(func(key []byte) (err error) {
		switch string(key) {
		case "hash_map": // what it holds depends on hash_stride, which follows
			begin = d.At()
			return d.Skip()
		case "hash_stride":
			stride, err = d.Integer()
		case "counter_denominator":
			t.Denominator, err = d.int32()
		default:
			err = d.Skip()
		}
		return in(string(key), err)
	})
	if err == nil && begin < 0 {
		err = errors.New("no hash_map")
	}
	if err != nil {
		return t, err
	}
	mean := kind.rate() == pipeline.RateMean
	switch least, most := kind.strides(); {
	case stride < least || stride > most:
		return t, fmt.Errorf("hash_stride is %d", stride)
	case !mean:
		t.Classes = int(stride) - 1
	}
	end := d.At()
	d.Seek(begin)
	defer d.Seek(end)
	return t, in("hash_map", d.rows(t, int(stride), mean))
}

// rows takes the rows of a table: the hash as text, then its numbers.
func (d document) rows(t *ctrTable, stride int, mean bool) error {
	t.Rows = map[uint64]int32{}
	n := 0 // elements of the row so far
	err := d.list(func(i int) error {
		at := n
		if n++; n == stride {
			n = 0
		}
		switch {
		case at == 0:
			text, err := d.Text()
			if err != nil {
				return err
			}
			h, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return fmt.Errorf("%.40q is not a hash", text)
			}
			if h != noHash {
				t.Rows[h] = int32(i / stride)
			}
		case mean && at == 1:
			x, err := d.float32()
			t.Sums = append(t.Sums, x)
			return err
		default:
			x, err := d.int32()
			t.Numbers = append(t.Numbers, x)
			return err
		}
		return nil
	})
	if err == nil && n != 0 {
		err = fmt.Errorf("its elements do not divide into rows of %d", stride)
	}
	return err
}

// strides bounds the elements of a row.
func (k ctrKind) strides() (least, most int64) {
	switch k.rate() {
	case pipeline.RateMean:
		return 3, 3
	case pipeline.RateFrequency:
		return 2, 2
	default:
		return 3, math.MaxInt32
	}
}

func (d document) scaleAndBias() error {
	i := -1
	err := d.Array(func() (err error) {
		switch i++; i {
		case 0:
			d.m.scale, err = d.Float()
		case 1:
			d.m.bias, err = d.Doubles(nil)
		default:
			err = errors.New("more than scale and bias")
		}
		return err
	})
	return err
}

func (d document) symmetricTree(i int) error {
	t := &d.m.trees
	depth, before := 0, len(t.leaves)
	err := d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "leaf_values":
			var err error
			t.leaves, err = d.Doubles(t.leaves)
			return in(name, err)
		case "splits":
			return in(name, d.list(func(int) error {
				depth++
				return d.split()
			}))
		}
		return d.Skip()
	})
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("a symmetric tree of depth %d, want 0 to %d", depth, maxDepth)
	}
	t.sizes = append(t.sizes, int32(depth))
	n := len(t.leaves) - before
	outputs := n >> depth
	if n == 0 || outputs<<depth != n {
		return fmt.Errorf("%d values for %d leaves", n, 1<<depth)
	}
	return d.width(outputs)
}

// split takes a split, of which its number says all.
func (d document) split() error {
	found := false
	err := d.Object(func(key []byte) error {
		if string(key) != "split_index" {
			return d.Skip()
		}
		found = true
		k, err := d.int32()
		d.m.trees.splits = append(d.m.trees.splits, k)
		return in("split_index", err)
	})
	if err == nil && !found {
		err = errors.New("no split_index")
	}
	return err
}

// width wants all leaves to have that many values.
func (d document) width(outputs int) error {
	if d.m.outputs == 0 {
		d.m.outputs = outputs
	}
	if d.m.outputs != outputs {
		return fmt.Errorf("%d values of a leaf, others have %d", outputs, d.m.outputs)
	}
	return nil
}

func (d document) freeTree(int) error {
	t := &d.m.trees
	before := len(t.splits)
	if err := d.node(); err != nil {
		return err
	}
	t.sizes = append(t.sizes, int32(len(t.splits)-before))
	return nil
}

// node takes a node and what is below it. Leaves are numbered from the left, whatever order members come in: a right
// child that comes first has to wait.
func (d document) node() error {
	t := &d.m.trees
	i := len(t.splits)
	t.splits, t.ids = append(t.splits, 0), append(t.ids, 0)
	t.children = append(t.children, [2]int32{})
	leaf, asked, waits := false, false, -1
	err := d.Object(func(key []byte) error {
		switch name := string(key); name {
		case "value":
			leaf = true
			return in(name, d.leafValue(i))
		case "split":
			asked = true
			n := len(t.splits)
			if err := d.split(); err != nil {
				return in(name, err)
			}
			t.splits[i], t.splits = t.splits[n], t.splits[:n]
		case "left":
			t.children[i][0] = int32(len(t.splits) - i)
			return in(name, d.node())
		case "right":
			if t.children[i][0] == 0 {
				waits = d.At()
				return d.Skip()
			}
			t.children[i][1] = int32(len(t.splits) - i)
			return in(name, d.node())
		default:
			return d.Skip()
		}
		return nil
	})
	if err == nil && waits >= 0 {
		end := d.At()
		d.Seek(waits)
		t.children[i][1] = int32(len(t.splits) - i)
		err = in("right", d.node())
		d.Seek(end)
	}
	switch c := t.children[i]; {
	case err != nil:
		return err
	case leaf == (asked || c[0] != 0 || c[1] != 0):
		return errors.New("neither a leaf nor a split")
	case !leaf && (!asked || c[0] == 0 || c[1] == 0):
		return errors.New("a split without both children")
	}
	return nil
}

// leafValue takes the values of node i: a number, or one for each output.
func (d document) leafValue(i int) (err error) {
	t := &d.m.trees
	before := len(t.leaves)
	t.ids[i] = uint32(before)
	if d.Peek() == '[' {
		t.leaves, err = d.Doubles(t.leaves)
	} else {
		var x float64
		x, err = d.Float()
		t.leaves = append(t.leaves, x)
	}
	if err == nil {
		err = d.width(len(t.leaves) - before)
	}
	return err
}
