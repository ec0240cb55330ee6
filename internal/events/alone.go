package events

import (
	"context"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/pipeline"
)

// ColumnsOf returns the columns of a row by a definition alone, before there is a model: all of them, in their
// order. texts says whether some are texts, whose dictionaries are empty: see Categories.
func ColumnsOf(d *feature.Definition) (columns []besra.Column, texts bool, err error) {
	for i := range d.Columns {
		c := besra.Column{Name: d.Columns[i].Name}
		if _, ok := d.Text(i); ok {
			texts = true
			if c, err = pipeline.StringColumn(c.Name, nil); err != nil {
				return nil, false, err
			}
		}
		columns = append(columns, c)
	}
	return columns, texts, nil
}

// Categories returns o's columns with the dictionaries that a file of events has for its texts, in the order in
// which they first occur.
func Categories(ctx context.Context, o Options, from Source) ([]besra.Column, error) {
	o.Keep = nil
	r, err := New(o)
	if err != nil {
		return nil, err
	}
	var at []int // of the kept cells: the column
	for i := range o.Definition.Columns {
		if field, ok := o.Definition.Text(i); ok {
			r.kept = append(r.kept, kept{field, len(r.kept), r.plan.Field(field)})
			at = append(at, i)
		}
	}
	names, seen := make([][]string, len(at)), make([]map[string]bool, len(at))
	for k := range seen {
		seen[k] = map[string]bool{}
	}
	_, err = r.Run(ctx, from, Each(func(b *Block) error {
		for i, cell := range b.kept[:b.N*len(at)] {
			if k := i % len(at); len(cell) > 0 && !seen[k][string(cell)] {
				seen[k][string(cell)] = true
				names[k] = append(names[k], string(cell))
			}
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	columns := append([]besra.Column(nil), o.Columns...)
	for k, i := range at {
		if columns[i], err = pipeline.StringColumn(columns[i].Name, names[k]); err != nil {
			return nil, err
		}
	}
	return columns, nil
}
