package xgboost

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/besra-ml/besra/pipeline"
)

// A dictionary holds the names of a column's categories, by code: since 3.1 a file has them when the
// model was trained on a data frame. Text lies in one list of bytes, numbers are numbers.
type dictionary struct {
	offsets []int32
	bytes   []int32
	numbers []int64
	text    bool
	typed   bool
}

func (r *reader) dictionaries() error {
	return r.Object(func(key []byte) error {
		if string(key) != "enc" {
			return r.Skip()
		}
		return r.Array(func() error {
			d, err := r.dictionary()
			if err != nil {
				return fmt.Errorf("column %d: %w", len(r.trees.names), err)
			}
			r.trees.names = append(r.trees.names, d)
			return nil
		})
	})
}

func (r *reader) dictionary() (d dictionary, err error) {
	values := -1
	err = r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "offsets":
			d.text = true
			d.offsets, err = r.Ints(nil)
		case "type":
			d.typed = true
			return r.Skip()
		case "values":
			values = r.At()
			_, err = r.Count()
		default:
			return r.Skip()
		}
		return in(string(key), err)
	})
	if err != nil || values < 0 {
		return d, err
	}
	after := r.At()
	r.Seek(values)
	if d.text {
		d.bytes, err = r.Ints(nil)
	} else {
		d.numbers, err = r.Longs(nil)
	}
	r.Seek(after)
	return d, in("values", err)
}

// names returns the categories by code; nil when the column has none, or when each is its own code.
func (d *dictionary) names() ([]string, error) {
	if !d.text {
		return d.numerals(), nil
	}
	if len(d.offsets) == 0 {
		return nil, nil
	}
	text := make([]byte, len(d.bytes))
	for i, b := range d.bytes {
		if b < -128 || b > 255 {
			return nil, fmt.Errorf("values: %d is no byte", b)
		}
		text[i] = byte(b)
	}
	if d.offsets[0] != 0 || int(d.offsets[len(d.offsets)-1]) != len(text) {
		return nil, fmt.Errorf("offsets: from %d to %d in %d bytes", d.offsets[0], d.offsets[len(d.offsets)-1], len(text))
	}
	names := make([]string, len(d.offsets)-1)
	for i := range names {
		from, to := d.offsets[i], d.offsets[i+1]
		if from > to || from < 0 || int(to) > len(text) {
			return nil, fmt.Errorf("offsets: category %d from byte %d to %d", i, from, to)
		}
		names[i] = string(text[from:to])
	}
	return names, nil
}

func (d *dictionary) numerals() []string {
	own := true
	for i, v := range d.numbers {
		own = own && v == int64(i)
	}
	if own {
		return nil
	}
	names := make([]string, len(d.numbers))
	for i, v := range d.numbers {
		names[i] = strconv.FormatInt(v, 10)
	}
	return names
}

// applyDictionaries makes the columns that have a dictionary take names.
func (r *reader) applyDictionaries(spec *pipeline.Spec) error {
	all := r.trees.names
	if len(all) == 0 {
		return nil
	}
	if len(all) != len(spec.Columns) {
		return fmt.Errorf("cats: dictionaries for %d columns of %d", len(all), len(spec.Columns))
	}
	found := false
	for i := range all {
		c := &spec.Columns[i]
		names, err := all[i].names()
		if err == nil && names != nil {
			if err = r.checkNames(names); err == nil {
				found = true
				*c, err = pipeline.StringColumn(c.Name, names)
			}
		}
		if err != nil {
			return fmt.Errorf("cats: column %d: %w", i, err)
		}
	}
	if found {
		spec.Notes = append(spec.Notes,
			"a category that is not in a column's dictionary counts as missing; XGBoost takes another category for it")
	}
	return nil
}

// checkNames refuses names that are not what the trainer saw. From 3.1 to 3.3 XGBoost counts characters
// where bytes are meant, so that one name beyond ASCII shifts and cuts those that follow, unseen.
func (r *reader) checkNames(names []string) error {
	for i, n := range names {
		if !utf8.ValidString(n) {
			return fmt.Errorf("category %d is %q: names beyond ASCII are cut by XGBoost before 3.4", i, n)
		}
		for j := range len(n) {
			if n[j] >= utf8.RuneSelf && !r.newerThan(3, 3) {
				return errors.New("names beyond ASCII, which XGBoost before 3.4 may have cut: train with ASCII names")
			}
		}
	}
	return nil
}
