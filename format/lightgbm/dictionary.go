package lightgbm

import (
	"bytes"
	"fmt"
	"slices"
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
	infos := r.knownInfos()
	places, ok := place(all, infos)
	if !ok {
		spec.Notes = append(spec.Notes, fmt.Sprintf("the file has the names of the categories of %d columns, but does not say of which: "+
			"give the numbers of categories, from 0", len(all)))
		return nil
	}
	named := false
	for i, names := range all {
		if infos[places[i]].categorical && numbersThemselves(names) {
			continue // a number that is none of them is in no set
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

// knownInfos returns what the file tells of each feature's values.
func (r *reader) knownInfos() []info {
	infos := make([]info, 0, r.head.columns)
	for _, i := range r.infos() {
		infos = append(infos, i)
	}
	for word := range bytes.SplitSeq(r.tail.categorical.value, []byte(",")) {
		if i, err := strconv.Atoi(string(word)); err == nil && i >= 0 && i < len(infos) && infos[i].whole {
			infos[i].categorical = true
		}
	}
	return infos
}

// place returns the column of each dictionary, where that can be told. Features that were trained as categories are
// those columns, if they are as many. But columns of ordered categories were trained as numbers, and columns that were
// declared categories need not come from pandas: so nothing is told when another choice suits the dictionaries
// better. Where the features are not as many, what values each had must leave one choice only.
func place(all [][]string, infos []info) (places []int, ok bool) {
	for i, known := range infos {
		if known.categorical {
			places = append(places, i)
		}
	}
	if fit(all, places, infos, info.holds) {
		better, found := earliest(all, infos, info.fills)
		return places, !found || slices.Equal(better, places) || fit(all, places, infos, info.fills)
	}
	first, ok := earliest(all, infos, info.holds)
	return first, ok && slices.Equal(first, latest(all, infos, info.holds))
}

// fit reports whether the features at these places suit the dictionaries.
func fit(all [][]string, places []int, infos []info, suits func(info, int) bool) bool {
	if len(all) != len(places) {
		return false
	}
	for i, p := range places {
		if !suits(infos[p], len(all[i])) {
			return false
		}
	}
	return true
}

// earliest gives each dictionary, in order, the first feature that suits it.
func earliest(all [][]string, infos []info, suits func(info, int) bool) (places []int, ok bool) {
	for i := range infos {
		if n := len(places); n < len(all) && suits(infos[i], len(all[n])) {
			places = append(places, i)
		}
	}
	return places, len(places) == len(all)
}

// latest gives each the last, where there is one for each.
func latest(all [][]string, infos []info, suits func(info, int) bool) []int {
	places := make([]int, len(all))
	n := len(all)
	for i := len(infos) - 1; i >= 0 && n > 0; i-- {
		if suits(infos[i], len(all[n-1])) {
			n--
			places[n] = i
		}
	}
	return places
}
