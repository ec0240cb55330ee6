// Package lightgbm reads the text models that LightGBM saves: Booster.save_model and model_to_string, the R package and
// the command line write them alike.
//
// Files of LightGBM 2.3 to 4.7 are read with the meaning that LightGBM 4.7 gives them, whichever version wrote them. A
// file is never trusted: what does not add up is refused with its tree, line and key, and memory stays within a small
// multiple of the file.
package lightgbm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// errJSON names the way out of a format that LightGBM itself cannot load.
var errJSON = errors.New("a dump of a model as JSON, which LightGBM itself cannot load: save it with save_model")

// Detect reports whether a file that begins with head is a LightGBM model, or what dump_model makes of one, which [Read]
// refuses with advice.
func Detect(head []byte) bool {
	return bytes.HasPrefix(head, []byte("tree\n")) || bytes.HasPrefix(head, []byte("tree\r\n")) || isDump(head)
}

// isDump reports whether data begins as JSON made by dump_model does.
func isDump(data []byte) bool {
	head := bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, data[:min(len(data), 256)])
	return bytes.HasPrefix(head, []byte(`{"name":"tree","version":"v`))
}

// Read reads a model file. Whether its trees are trees is left for [pipeline.Compile] to check.
func Read(data []byte) (pipeline.Spec, error) {
	if isDump(data) {
		return pipeline.Spec{}, errJSON
	}
	r := reader{lines: lines{data: data}}
	if err := r.readHeader(); err != nil {
		return pipeline.Spec{}, err
	}
	if err := r.readTrees(); err != nil {
		return pipeline.Spec{}, err
	}
	if err := r.readTail(); err != nil {
		return pipeline.Spec{}, err
	}
	return r.spec()
}

// A reader reads a model from front to back. What depends on several parts waits for spec.
type reader struct {
	lines
	head header
	forest.Forest
	tail tail
}

func (r *reader) spec() (pipeline.Spec, error) {
	h := &r.head
	spec := pipeline.Spec{Format: "lightgbm", Objective: h.objective.name, Link: h.objective.link, Best: -1, Forest: &r.Forest}
	spec.Link.Average = h.average
	if h.outputs > 1 {
		if n := len(r.Trees) % h.outputs; n != 0 {
			return spec, fmt.Errorf("%d trees do not make rounds of %d", len(r.Trees), h.outputs)
		}
		r.Rounds = make([]int, len(r.Trees)/h.outputs+1)
		for i := range r.Rounds {
			r.Rounds[i] = i * h.outputs
		}
	}
	if v := string(h.version.value); h.version.line > 0 && v != "v2" && v != "v3" && v != "v4" {
		spec.Notes = append(spec.Notes, fmt.Sprintf("written in version %.20q of LightGBM's format, read by the rules of v4", v))
	}
	var err error
	spec.Columns, err = r.columns()
	if err != nil {
		return spec, err
	}
	return spec, r.applyDictionaries(&spec)
}
