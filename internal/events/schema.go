package events

import (
	"fmt"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/feature"
)

// A column is what a column of the file is to the events.
type column struct {
	name  string
	role  role
	field int            // of a field: its index in the plan
	spec  *feature.Field // of a field
	keep  int            // its place among the kept columns; -1: it is not kept
}

type role uint8

const (
	ignored role = iota
	identity
	label
	labelTime
	field
)

// schema says what the columns of a file with these names are. A file has every field of the definition, so that
// a misspelt one is no column of missing values.
func (r *Replay) schema(names []string) ([]column, error) {
	columns := make([]column, len(names))
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("column %q stands twice", name)
		}
		seen[name] = true
		columns[i] = r.column(name)
		if columns[i].role == ignored && !r.IgnoreExtra {
			return nil, fmt.Errorf("unknown column %q%s", name, hint(name, r.known()))
		}
	}
	var missing []string
	for _, f := range r.plan.Fields {
		if !seen[f.Name] {
			missing = append(missing, f.Name)
		}
	}
	for _, k := range r.kept {
		if !seen[k.name] && k.field < 0 {
			missing = append(missing, k.name)
		}
	}
	switch n := len(missing); {
	case n == 1:
		return nil, fmt.Errorf("column %q is missing", missing[0])
	case n > 1:
		return nil, fmt.Errorf(`columns "%s" are missing`, strings.Join(missing, `", "`))
	}
	return columns, nil
}

func (r *Replay) column(name string) column {
	c := column{name: name, keep: slices.IndexFunc(r.kept, func(k kept) bool { return k.name == name })}
	if c.field = r.plan.Field(name); c.field >= 0 {
		c.role, c.spec = field, &r.plan.Fields[c.field]
		return c
	}
	switch name {
	case idColumn:
		c.role = identity
	case labelColumn:
		c.role = label
	case labelTimeColumn:
		c.role = labelTime
	}
	return c
}

// labelled notes that labels are asked for, and the file has none.
func (r *Replay) labelled(columns []column) {
	asked := slices.ContainsFunc(r.plan.Groups, func(g *feature.Group) bool { return g.Labels })
	if asked && !slices.ContainsFunc(columns, func(c column) bool { return c.role == label }) {
		r.notes = append(r.notes, fmt.Sprintf("%s has no column %q: no event counts as fraud", r.File, labelColumn))
	}
}
