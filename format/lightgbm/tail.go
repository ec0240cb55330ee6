package lightgbm

import (
	"bytes"
	"fmt"
)

// tail is what a file says after its trees.
type tail struct {
	categorical field // the parameter categorical_feature
	pandas      field // the categories of pandas columns, as JSON
}

var pandasMark = []byte("pandas_categorical:")

// readTail takes what follows the trees, section by section.
func (r *reader) readTail() error {
	for {
		line, ok := r.solid()
		if !ok {
			return nil
		}
		var err error
		switch {
		case string(line) == "feature_importances:" || string(line) == "feature importances:":
			r.importances()
		case string(line) == "parameters:":
			err = r.section("end of parameters")
		case string(line) == "parser:":
			err = r.section("end of parser")
		case bytes.HasPrefix(line, pandasMark) && !r.tail.pandas.there():
			r.tail.pandas = field{line[len(pandasMark):], r.number}
		default:
			err = fmt.Errorf("line %d: %.40q is no part of a model", r.number, line)
		}
		if err != nil {
			return err
		}
	}
}

// importances passes over the lines up to an empty one.
func (r *reader) importances() {
	for {
		if line, ok := r.next(); !ok || len(line) == 0 {
			return
		}
	}
}

// section passes over the lines up to the one that ends it, and takes the one parameter that matters.
func (r *reader) section(end string) error {
	begin := r.number
	for {
		line, ok := r.next()
		switch {
		case !ok:
			return fmt.Errorf("line %d: %w: no %q for line %d", r.number, errShort, end, begin)
		case string(line) == end:
			return nil
		}
		if value, ok := bytes.CutPrefix(line, []byte("[categorical_feature: ")); ok {
			r.tail.categorical = field{bytes.TrimSuffix(value, []byte("]")), r.number}
		}
	}
}
