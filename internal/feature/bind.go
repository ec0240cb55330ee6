package feature

import (
	"fmt"

	"github.com/besra-ml/besra"
)

// Bind checks that d yields the columns of a model: each is declared, by its name, string columns come from
// text fields and all others from the rest, and nothing is declared in vain.
func (d *Definition) Bind(columns []besra.Column) error {
	used := make([]bool, len(d.Columns))
	for _, c := range columns {
		i := d.column(c.Name)
		if i < 0 {
			names := make([]string, len(d.Columns))
			for i := range d.Columns {
				names[i] = d.Columns[i].Name
			}
			return fmt.Errorf("%s: columns: the model's column %q is not declared%s", d.File, c.Name, hint(c.Name, names))
		}
		switch text := d.isText(i); {
		case text && c.Type != besra.String:
			return d.columnErrorf(i, "is text, and the model's column is of type %v", c.Type)
		case !text && c.Type == besra.String:
			return d.columnErrorf(i, "is a number, and the model's column is of type %v; want a field of type text", c.Type)
		}
		used[i] = true
	}
	// Operands stand before the columns that use them.
	for i := len(d.Columns) - 1; i >= 0; i-- {
		if !used[i] {
			return d.columnErrorf(i, "is no column of the model, and no arithmetic uses it")
		}
		for _, o := range d.Columns[i].operands {
			used[o] = true
		}
	}
	return nil
}

func (d *Definition) columnErrorf(i int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: columns[%d]: %q %w", d.File, d.Columns[i].line, i, d.Columns[i].Name, fmt.Errorf(format, args...))
}

// column returns the index of the named column, -1 when there is none.
func (d *Definition) column(name string) int {
	for i := range d.Columns {
		if d.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// isText reports whether column i is a text field as it is.
func (d *Definition) isText(i int) bool {
	c := &d.Columns[i]
	return c.Form == FromField && d.Fields[c.field].Type == Text
}
