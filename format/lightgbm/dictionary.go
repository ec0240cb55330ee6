package lightgbm

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/pipeline"
)

// At the end of a file that Python wrote stand the categories of all pandas columns of type category, in the order of
// the columns; but not which columns these are. Before LightGBM sees a frame, its names become their numbers.

// applyDictionaries makes the columns that have a dictionary take names.
func (r *reader) applyDictionaries(spec *pipeline.Spec) error {
	all, err := r.dictionaries()
	if err != nil {
		return r.tail.pandas.in("pandas_categorical", err)
	}
	if len(all) == 0 {
		return nil
	}
	places, ok := r.places(all)
	if !ok {
		spec.Notes = append(spec.Notes, fmt.Sprintf("the file has the names of the categories of %d columns, but does not say of which: "+
			"give the numbers of categories, from 0", len(all)))
		return nil
	}
	named := false
	for i, names := range all {
		if numbersThemselves(names) {
			continue
		}
		c := &spec.Columns[places[i]]
		if *c, err = pipeline.StringColumn(c.Name, names); err != nil {
			return r.tail.pandas.in("pandas_categorical", err)
		}
		named = true
	}
	if named {
		spec.Notes = append(spec.Notes, "a category that is not in a column's dictionary counts as missing, as in LightGBM")
	}
	return nil
}

// dictionaries reads the categories of each column.
func (r *reader) dictionaries() (all [][]string, err error) {
	text := bytes.TrimSpace(r.tail.pandas.value)
	if len(text) == 0 && !r.tail.pandas.there() {
		return nil, nil
	}
	var s strictjson.Scanner
	s.Reset(text)
	if s.Kind() == strictjson.Null {
		if err := s.Null(); err != nil {
			return nil, err
		}
		return nil, s.End()
	}
	if err := s.Array(); err != nil {
		return nil, err
	}
	for {
		more, err := s.Element()
		if err != nil {
			return nil, err
		}
		if !more {
			return all, s.End()
		}
		names, err := dictionary(&s)
		if err != nil {
			return nil, err
		}
		all = append(all, names)
	}
}

// dictionary reads the categories of a column. Those that are no strings are spelled as Python spells them.
func dictionary(s *strictjson.Scanner) (names []string, err error) {
	if err := s.Array(); err != nil {
		return nil, err
	}
	for {
		more, err := s.Element()
		if err != nil || !more {
			return names, err
		}
		var name []byte
		switch s.Kind() {
		case strictjson.String:
			name, err = s.String()
		case strictjson.Number:
			name, err = s.Skip()
		case strictjson.True, strictjson.False:
			var b bool
			b, err = s.Bool()
			if name = []byte("False"); b {
				name = []byte("True")
			}
		default:
			err = fmt.Errorf("offset %d: a category is a string, a number or a truth value", s.Offset())
		}
		if err != nil {
			return nil, err
		}
		names = append(names, string(name))
	}
}

// numbersThemselves reports whether every category is its own code, so that no dictionary is needed.
func numbersThemselves(names []string) bool {
	for i, n := range names {
		if n != strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// places returns the column of each dictionary, where that can be told. Features that were trained as categories are
// those columns, if they are as many. Columns of ordered categories were trained as numbers, and columns that were given
// as categories need not come from pandas: then what values each feature had must leave one way only to place the
// dictionaries in the order of columns.
func (r *reader) places(all [][]string) (places []int, ok bool) {
	infos := make([]info, 0, r.head.columns)
	for _, i := range r.infos() {
		infos = append(infos, i)
	}
	for word := range bytes.SplitSeq(r.tail.categorical.value, []byte(",")) {
		if i, err := strconv.Atoi(string(word)); err == nil && i >= 0 && i < len(infos) && infos[i].whole {
			infos[i].categorical = true
		}
	}
	for i, known := range infos {
		if known.categorical {
			places = append(places, i)
		}
	}
	if fits(all, places, infos) {
		return places, true
	}
	first, ok := earliest(all, infos)
	if !ok {
		return nil, false
	}
	last, _ := latest(all, infos)
	for i := range first {
		if first[i] != last[i] {
			return nil, false
		}
	}
	return first, true
}

func fits(all [][]string, places []int, infos []info) bool {
	if len(all) != len(places) {
		return false
	}
	for i, p := range places {
		if !infos[p].holds(len(all[i])) {
			return false
		}
	}
	return true
}

// earliest places each dictionary in the first column that may have it.
func earliest(all [][]string, infos []info) (places []int, ok bool) {
	for i := range infos {
		if n := len(places); n < len(all) && infos[i].holds(len(all[n])) {
			places = append(places, i)
		}
	}
	return places, len(places) == len(all)
}

// latest places each in the last.
func latest(all [][]string, infos []info) (places []int, ok bool) {
	places = make([]int, len(all))
	n := len(all)
	for i := len(infos) - 1; i >= 0 && n > 0; i-- {
		if infos[i].holds(len(all[n-1])) {
			n--
			places[n] = i
		}
	}
	return places, n == 0
}
