package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/pipeline"
)

// results returns the graph's outputs that are numbers. Those that are texts or integers tell the class.
func (m *model) results() []port {
	var out []port
	for _, p := range m.outputs {
		if k := kind(p.element); p.sequence || k.isFloat() {
			out = append(out, p)
		}
	}
	return out
}

// tellsClass reports whether the graph is a classifier: one output is the class.
func (m *model) tellsClass() bool {
	return slices.ContainsFunc(m.outputs, func(p port) bool {
		k := kind(p.element)
		return p.sequence || k == texts || k.isInt() || k == bools
	})
}

// spec makes the model of what the graph's outputs have become.
func (b *builder) spec() (pipeline.Spec, error) {
	s := pipeline.Spec{
		Format: "onnx", Trainer: b.trainer(), Columns: b.columns, Best: -1,
		Rows: b.rows, Numbers: forest.Float32, ValueOnly: true,
	}
	var outputs []*value
	for _, p := range b.results() {
		v, err := b.lookup(p.name)
		if err != nil {
			return s, fmt.Errorf("output %.40q: %w", p.name, err)
		}
		if v.kind == texts {
			return s, fmt.Errorf("output %.40q is %v", p.name, v.kind)
		}
		if v.kind == float64s {
			s.Numbers = forest.Float64
		}
		outputs = append(outputs, v)
	}
	if err := b.finishColumns(); err != nil {
		return s, err
	}
	fast, err := b.fast(&s, outputs)
	if err == nil && !fast {
		err = b.slow(&s, outputs)
	}
	if err != nil {
		return s, err
	}
	b.missing()
	s.Notes = b.notes
	return s, nil
}

// slow makes slots the model's values.
func (b *builder) slow(s *pipeline.Spec, outputs []*value) error {
	var cells []cell
	raw := false
	for _, v := range outputs {
		if err := b.place(v); err != nil {
			return err
		}
		cells = append(cells, v.cells...)
		raw = raw || v.raw
	}
	if len(cells) == 0 || len(cells) > forest.MaxOutputs {
		return fmt.Errorf("%d values of a row", len(cells))
	}
	s.Labels = b.labels(outputs)
	if b.tellsClass() {
		s.Link.Chances = !raw
		if len(cells) == 2 {
			cells = cells[1:]
		}
		s.Labels = s.Labels[max(0, len(s.Labels)-len(cells)):]
	}
	slots, err := b.materialise(cells)
	if err != nil {
		return err
	}
	s.Results, s.Steps = slots, b.steps
	return nil
}

// fast makes an ensemble the model itself, when its scores are all that the graph tells.
func (b *builder) fast(s *pipeline.Spec, outputs []*value) (bool, error) {
	if len(outputs) != 1 || outputs[0].scores == nil {
		return false, nil
	}
	v := outputs[0]
	e := v.scores
	class, link, ok := e.alone(b.tellsClass())
	if !ok {
		return false, nil
	}
	f, err := e.forest(class, false)
	if err != nil {
		return false, fmt.Errorf("%s: %w", e.op, err)
	}
	if len(e.base) > 0 {
		f.BaseLast = true
		if f.Base = e.base; class >= 0 {
			f.Base = e.base[:1]
		}
	}
	if class == 1 {
		f.Base = nil // it counts for the other class only
	}
	inputs, err := b.materialise(e.inputs)
	if err != nil {
		return false, err
	}
	s.Forest, s.Link = f, pipeline.Link{Kind: link}
	if b.tellsClass() {
		s.Link.Chances = !v.raw
	}
	s.Labels = v.labels
	if class >= 0 && len(s.Labels) == 2 {
		s.Labels = s.Labels[1:]
	}
	if s.Steps = b.steps; len(s.Steps) > 0 || !isRow(inputs, len(s.Columns)) {
		s.Inputs = inputs
	}
	return true, nil
}

// isRow reports whether slots are the columns, one after the other.
func isRow(slots []int32, columns int) bool {
	for i, slot := range slots {
		if int(slot) != i {
			return false
		}
	}
	return len(slots) == columns
}

// alone returns what an ensemble is when nothing reads its scores: which class's sum is the value, or -1 for all, and the
// link behind it. ok is false when that depends on which classes a row's leaves vote for.
func (e *ensemble) alone(classes bool) (class int, link pipeline.LinkKind, ok bool) {
	t := &e.tally
	if link = e.link; link == pipeline.Identity {
		link = e.plain()
	}
	plain := e.link == pipeline.Identity || e.link == pipeline.Mirrored32 || e.link == pipeline.Probit32
	switch {
	case e.extreme != 0:
		return 0, 0, false
	case e.classes == 1:
		if e.link != pipeline.Probit32 {
			link = e.plain()
		}
		return -1, link, true
	case !e.classifier:
		return -1, link, len(e.base) == 0 || !slices.Contains(t.always, false)
	case e.classes > 2:
		return -1, link, true
	case !classes || len(e.base) == 2:
		return 0, 0, false
	case t.always[1] && plain:
		return 1, link, true
	case t.never[1] && e.link != pipeline.Probit32:
		if e.link != pipeline.Mirrored32 {
			link = e.plain() // whatever there is to be done to scores of two classes
		}
		return 0, link, true
	}
	return 0, 0, false
}

// finishColumns gives columns of strings the names that operators have asked for.
func (b *builder) finishColumns() error {
	for i, n := range b.names {
		if n == nil {
			continue
		}
		n.open = false
		list := n.list
		if list == nil {
			list = []string{}
		}
		c, err := pipeline.StringColumn(b.columns[i].Name, list)
		if err != nil {
			return err
		}
		b.columns[i] = c.NeverMissing()
	}
	return nil
}

// labels returns the names of the classes: of the scores themselves, or of the list that the class is taken from.
func (b *builder) labels(outputs []*value) []string {
	if len(outputs) == 1 && outputs[0].labels != nil {
		return outputs[0].labels
	}
	n := 0
	for _, v := range outputs {
		n += v.size()
	}
	if labels := b.classList(); len(labels) == n {
		return labels
	}
	return nil
}

// classList follows the output that is the class back to the labels of an ensemble, or to the list of labels which an
// ArrayFeatureExtractor takes one from.
func (b *builder) classList() []string {
	name := ""
	for _, p := range b.outputs {
		if k := kind(p.element); k == texts || k.isInt() {
			name = p.name
			break
		}
	}
	for i := len(b.nodes) - 1; i >= 0 && name != ""; i-- {
		n := &b.nodes[i]
		if !slices.Contains(n.outputs, name) || len(n.inputs) == 0 {
			continue
		}
		switch n.op {
		case "Cast", "Identity", "Reshape", "Squeeze", "Flatten":
			name = n.inputs[0]
		case "ArrayFeatureExtractor":
			return b.listed(n.inputs[0])
		default:
			if !strings.Contains(n.op, "Classifier") || name != n.outputs[0] {
				return nil
			}
			c := call{builder: b, node: n}
			if c.readAttributes() != nil {
				return nil
			}
			return slices.Concat(c.classLabels("classlabels_int64s", "classlabels_strings"), c.classLabels("classlabels_ints", ""))
		}
	}
	return nil
}

// listed returns a constant list of labels.
func (b *builder) listed(name string) []string {
	message, ok := b.model.constants[name]
	if !ok {
		return nil
	}
	v, err := b.constant(message)
	if err != nil || len(v.dims) != 1 || v.kind.isFloat() {
		return nil
	}
	labels := make([]string, len(v.cells))
	for i, c := range v.cells {
		if v.kind == texts {
			labels[i] = c.names.list[int(c.number)]
		} else {
			labels[i] = fmt.Sprint(int64(c.number))
		}
	}
	return labels
}

// missing notes where scikit-learn may have known what its graph does not.
func (b *builder) missing() {
	if strings.HasPrefix(b.producer, "skl2onnx") && b.untracked && !b.tracked {
		b.note("The graph sends missing values the same way at every split. If the forest was trained with missing values, " +
			"scikit-learn knows better ways, which skl2onnx leaves out.")
	}
}
