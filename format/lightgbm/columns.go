package lightgbm

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// columns names and types the columns.
func (r *reader) columns() ([]pipeline.Column, error) {
	if !utf8.Valid(r.head.names.value) {
		return nil, r.head.names.in("feature_names", errors.New("they are not UTF-8"))
	}
	columns := make([]pipeline.Column, 0, r.head.columns)
	for name := range strings.FieldsFuncSeq(string(r.head.names.value), func(c rune) bool { return c == ' ' }) {
		columns = append(columns, pipeline.Column{Name: name})
	}
	for i, info := range r.infos() {
		if info.categorical {
			columns[i].Type = pipeline.Category
		}
	}
	for i := range r.Trees {
		for j := range r.Trees[i].Nodes {
			if n := &r.Trees[i].Nodes[j]; n.Op == forest.In {
				columns[n.Feature].Type = pipeline.Category
			}
		}
	}
	return columns, nil
}

// An info is what a file tells of the values that a feature had in training: "[-1.5:3]", categories such as "2:0:1", or
// "none" when there was nothing to learn from it.
type info struct {
	categorical bool
	whole       bool // only whole numbers from 0 can have been among its values
	most        int  // the greatest of them
}

// infos yields the info of every feature.
func (r *reader) infos() func(func(int, info) bool) {
	return func(yield func(int, info) bool) {
		i := 0
		for word := range bytes.FieldsFuncSeq(r.head.infos.value, func(c rune) bool { return c == ' ' }) {
			if !yield(i, readInfo(word)) {
				return
			}
			i++
		}
	}
}

func readInfo(word []byte) info {
	if string(word) == "none" {
		return info{whole: true}
	}
	if span, ok := bytes.CutPrefix(word, []byte("[")); ok {
		low, high, _ := bytes.Cut(bytes.TrimSuffix(span, []byte("]")), []byte(":"))
		least, err := strconv.Atoi(string(low))
		most, err2 := strconv.Atoi(string(high))
		return info{whole: err == nil && err2 == nil && least >= 0, most: most}
	}
	known := info{categorical: true, whole: true}
	for c := range bytes.SplitSeq(word, []byte(":")) {
		n, err := strconv.Atoi(string(c))
		if err != nil {
			return info{} // nothing that is known to stand here
		}
		known.most = max(known.most, n)
	}
	return known
}

// holds reports whether the feature may have had the codes of so many categories.
func (i info) holds(categories int) bool { return i.whole && i.most < categories }

// fills reports whether it had all of them, or may have.
func (i info) fills(categories int) bool { return i.whole && (i.most == categories-1 || i.most == 0) }
