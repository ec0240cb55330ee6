package lightgbm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/besra-ml/besra/forest"
)

// header is what a file says before its trees.
type header struct {
	version, objectiveLine      field
	classes, perRound, features field
	names, infos, constraints   field
	sizes, label, averageOutput field

	objective objective
	outputs   int
	columns   int
	average   bool
}

// field returns the field of a key that counts, nil for others.
func (h *header) field(key string) *field {
	switch key {
	case "version":
		return &h.version
	case "num_class":
		return &h.classes
	case "num_tree_per_iteration":
		return &h.perRound
	case "label_index":
		return &h.label
	case "max_feature_idx":
		return &h.features
	case "objective":
		return &h.objectiveLine
	case "average_output":
		return &h.averageOutput
	case "feature_names":
		return &h.names
	case "feature_infos":
		return &h.infos
	case "monotone_constraints":
		return &h.constraints
	case "tree_sizes":
		return &h.sizes
	}
	return nil
}

// What begins the lines that end a header, and these lines behind others.
var (
	nextTree   = []byte("\nTree=")
	endOfTrees = []byte("\nend of trees")
	treeMark   = nextTree[1:]
	endMark    = endOfTrees[1:]
)

// readHeader takes all lines before the trees.
func (r *reader) readHeader() error {
	if line, _ := r.next(); string(line) != "tree" {
		return fmt.Errorf("a model begins with a line that says tree, not %.40q", line)
	}
	h := &r.head
	for {
		r.skipEmpty()
		before := r.lines
		line, ok := r.next()
		if !ok {
			return fmt.Errorf("line %d: %w: no trees", r.number, errShort)
		}
		if bytes.HasPrefix(line, treeMark) || bytes.Equal(line, endMark) {
			r.lines = before
			return h.check()
		}
		key, value, _ := bytes.Cut(line, []byte("="))
		f := h.field(string(key))
		switch {
		case f == nil: // nothing that predicting needs
		case f.there():
			return f.twice(string(key), r.number)
		default:
			*f = field{value, r.number}
		}
	}
}

func (f field) twice(key string, line int) error {
	return fmt.Errorf("line %d: %s stands in line %d already", line, key, f.line)
}

// check holds the header's parts against each other.
func (h *header) check() error {
	for _, need := range []struct {
		key string
		field
	}{
		{"num_class", h.classes},
		{"label_index", h.label},
		{"max_feature_idx", h.features},
		{"feature_names", h.names},
		{"feature_infos", h.infos},
	} {
		if !need.there() {
			return fmt.Errorf("the header has no %s", need.key)
		}
	}
	last, err := h.features.whole("max_feature_idx", 0, forest.MaxFeatures-1)
	if err != nil {
		return err
	}
	h.columns = last + 1
	for _, list := range []struct {
		key string
		field
	}{
		{"feature_names", h.names},
		{"feature_infos", h.infos},
		{"monotone_constraints", h.constraints},
	} {
		if n := list.count(); list.there() && n != h.columns {
			return list.in(list.key, fmt.Errorf("%d of them for %d features", n, h.columns))
		}
	}
	if h.outputs, err = h.classes.whole("num_class", 1, forest.MaxOutputs); err != nil {
		return err
	}
	if h.perRound.there() {
		n, err := h.perRound.whole("num_tree_per_iteration", 1, forest.MaxOutputs)
		if err != nil {
			return err
		}
		if n != h.outputs {
			return h.perRound.in("num_tree_per_iteration", fmt.Errorf("%d, but num_class is %d", n, h.outputs))
		}
	}
	if h.average = h.averageOutput.there(); len(h.averageOutput.value) > 0 {
		return h.averageOutput.in("average_output", errors.New("it has a value"))
	}
	h.objective, err = readObjective(h.objectiveLine, h.outputs)
	return err
}
