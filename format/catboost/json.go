package catboost

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/besra-ml/besra/internal/jsonscan"
	"github.com/besra-ml/besra/pipeline"
)

// A document reads a model in JSON. Its numbers are read to the nearest: the model that was trained, where CatBoost's
// own reader is a unit off in the last place now and then.
type document struct {
	*jsonscan.Scanner
	m     *model
	again *int // bytes that may still be passed over to be read later
}

func (m *model) readJSON(data []byte) error {
	again := reuse * len(data)
	d := document{jsonscan.New(data), m, &again}
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
// or numbers are divided in several ways: in JSON their keys are the same.
func (m *model) ambiguous() bool {
	several := false
	switch m.info.loss {
	case "Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll":
	case "MultiRMSE", "MultiRMSEWithMissingValues", "MultiLogloss", "MultiCrossEntropy", "PythonUserDefinedMultiTarget":
		several = true
	default:
		several = m.info.divided
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
			return in(name, d.list(func(int) error { return errKind }))
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
	if err == nil {
		err = f.check()
	}
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
	if err == nil {
		err = f.check()
	}
	return err
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
