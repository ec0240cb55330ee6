package feature

import "time"

// What a definition may have at most.
const (
	MaxFields   = 64   // fields of an event
	MaxEntities = 8    // of them entities
	MaxColumns  = 1024 // columns, those for arithmetic alone included
	MaxGroups   = 16   // entities and pairs by resolution: states that one event reads
	MaxWindows  = 128  // different windows of one group
)

// A Definition is what a features.yaml says. It is immutable.
type Definition struct {
	File     string // what errors call it
	Zone     string // of calendar columns
	Lateness int64  // ms
	Loss     string // the number field that says what a fraud costs; "": none
	Fields   []Field
	Columns  []Column
	Groups   []*Group

	location *time.Location
	lines    []int // of fields
}

// Field returns the index of the named field, -1 when there is none.
func (d *Definition) Field(name string) int {
	for i := range d.Fields {
		if d.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// A Form is a way to make a column.
type Form uint8

// The forms of columns.
const (
	FromField  Form = iota // a number as sent, a bool as 1 or 0, a text as the model's code
	Calendar               // of the event's local time
	Aggregate              // over a window of an entity's history
	Ratio                  // of two columns
	Difference             // of two columns
	Log1p                  // of a column
)

// A Column is one number of a row, and how it is made.
type Column struct {
	Name string
	Form Form

	line     int
	field    int      // FromField: index into Fields
	calendar calendar // Calendar
	group    int      // Aggregate: index into Groups
	ask      int      // Aggregate: index into the group's asks
	operands []int    // of arithmetic: indices of columns declared before
}

// Text returns the text field that column i is, if it is one.
func (d *Definition) Text(i int) (field string, ok bool) {
	if !d.isText(i) {
		return "", false
	}
	return d.Fields[d.Columns[i].field].Name, true
}
