package feature

import (
	"slices"

	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/internal/window"
)

// An aggregateReader reads one column's aggregate.
type aggregateReader struct {
	p       *parser
	n       strictyaml.Node // the column
	members map[string]strictyaml.Node

	over       []string
	resolution int64
}

func (r *aggregateReader) read() (a ask, v value, err error) {
	for _, step := range []func(*ask, *value) error{r.word, r.value, r.entities, r.durations, r.current, r.empty} {
		if err := step(&a, &v); err != nil {
			return a, v, err
		}
	}
	if err := a.alone(v, r.resolution, r.p.d.Lateness); err != nil {
		return a, v, r.members["aggregate"].Errorf("%w", err)
	}
	return a, v, nil
}

func (r *aggregateReader) word(a *ask, _ *value) error {
	n := r.members["aggregate"]
	word, err := n.Text()
	if err != nil {
		return err
	}
	words := make([]string, len(aggregates))
	for i := range aggregates {
		words[i] = aggregates[i].word
		if words[i] == word {
			a.aggregate = &aggregates[i]
			return nil
		}
	}
	return n.Errorf("want count, sum, mean, min, max, std, distinct, since_last, since_first or fraud_share, not %.80q%s",
		word, hint(word, words))
}

func (r *aggregateReader) value(a *ask, v *value) error {
	n, ok := r.members["of"]
	switch {
	case !ok && a.aggregate.of == ofNothing:
		return nil
	case !ok && a.aggregate.of == ofHash:
		return r.n.Errorf("of: is missing; want the entity or text field whose values %s counts", a.aggregate.word)
	case !ok:
		return r.n.Errorf("of: is missing; want the number field of which the %s is taken", a.aggregate.word)
	case a.aggregate.of == ofNothing:
		return n.Errorf("%s is of events, not of a field", a.aggregate.word)
	}
	name, err := n.Text()
	if err != nil {
		return err
	}
	i, err := r.p.field(n, name)
	if err != nil {
		return err
	}
	f := &r.p.d.Fields[i]
	switch {
	case a.aggregate.of == ofHash && !f.hashed():
		return n.Errorf("%s wants an entity or a text, and %s is of type %v", a.aggregate.word, name, f.Type)
	case a.aggregate.of == ofNumber && !f.sum():
		return n.Errorf("%s wants a number or a bool, and %s is of type %v", a.aggregate.word, name, f.Type)
	case a.aggregate.of == ofNumber && f.decimals() < 0:
		return n.Errorf("the field %s is aggregated, so it needs decimals, such as decimals: 2", name)
	}
	a.of = name
	*v = value{name: name, typ: f.Type, decimals: max(0, f.decimals())}
	return nil
}

// entities reads over: an entity, or a list of two.
func (r *aggregateReader) entities(*ask, *value) error {
	n, ok := r.members["over"]
	if !ok {
		return r.n.Errorf("over: is missing; want an entity, or a pair of two, such as [card, terminal]")
	}
	add := func(n strictyaml.Node) error {
		name, err := n.Text()
		if err != nil {
			return err
		}
		i, err := r.p.field(n, name)
		switch {
		case err != nil:
			return err
		case r.p.d.Fields[i].Type != Entity:
			return n.Errorf("want an entity, and %s is of type %v", name, r.p.d.Fields[i].Type)
		case slices.Contains(r.over, name):
			return n.Errorf("%s stands twice", name)
		}
		r.over = append(r.over, name)
		return nil
	}
	if !n.IsList() {
		return add(n)
	}
	if err := n.List(func(_ int, v strictyaml.Node) error { return add(v) }); err != nil {
		return err
	}
	if len(r.over) < 1 || len(r.over) > 2 {
		return n.Errorf("want an entity, or a pair of two, not %d", len(r.over))
	}
	slices.Sort(r.over)
	return nil
}

func (r *aggregateReader) durations(a *ask, _ *value) error {
	for _, d := range []struct {
		name  string
		into  *int64
		least int64
	}{{"window", &a.window, second}, {"delay", &a.delay, 0}, {"resolution", &r.resolution, second}} {
		if n, ok := r.members[d.name]; ok {
			if err := durationInto(d.into, d.least)(n); err != nil {
				return err
			}
		}
	}
	switch step := r.resolution; {
	case a.window == 0:
		return r.n.Errorf("window: is missing; want a duration, such as 24h or 7d")
	case a.delay == 0 && a.aggregate.kind == window.FraudShare:
		return r.n.Errorf("delay: is missing; labels are never known at once, so fraud_share wants the time that they take, such as 7d")
	case step > 0 && a.aggregate.exact:
		return r.members["resolution"].Errorf("%s needs the events themselves, and cannot be stepped", a.aggregate.word)
	case step > 0 && a.window%step != 0:
		return r.members["window"].Errorf("want a multiple of the resolution %s, not %s", formatDuration(step), formatDuration(a.window))
	case step > 0 && a.delay%step != 0:
		return r.members["delay"].Errorf("want a multiple of the resolution %s, not %s", formatDuration(step), formatDuration(a.delay))
	}
	return nil
}

// current reads whether the event itself counts. Where it never could, saying that it does is an error.
func (r *aggregateReader) current(a *ask, _ *value) error {
	n, ok := r.members["current"]
	if !ok {
		return nil
	}
	word, err := n.Text()
	if err != nil {
		return err
	}
	never := a.delay > 0 || a.aggregate.kind == window.SinceLast
	switch {
	case word != "in" && word != "out":
		return n.Errorf("want in or out, not %.80q", word)
	case word == "in" && a.delay > 0:
		return n.Errorf("in contradicts delay: the window ends %s before the event", formatDuration(a.delay))
	case word == "in" && never:
		return n.Errorf("in contradicts since_last, which looks for another event")
	}
	a.without = word == "out" && !never
	return nil
}

func (r *aggregateReader) empty(a *ask, _ *value) error {
	a.zero = a.aggregate.filled
	n, ok := r.members["empty"]
	if !ok {
		return nil
	}
	word, err := n.Text()
	switch {
	case err != nil:
		return err
	case word != "0" && word != "missing":
		return n.Errorf("want 0 or missing, not %.80q", word)
	case word == "missing" && a.aggregate.filled:
		return n.Errorf("%s of an empty window is always 0", a.aggregate.word)
	}
	a.zero = word == "0"
	return nil
}
