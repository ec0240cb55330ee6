// Package feature says how an event and its history become a model's row.
//
// A Definition is what a features.yaml says: the fields of an event, and the columns that are made of them. A
// Plan is what one model name's definitions need together: the union of their fields, and the groups of
// aggregates, each of which keeps one state for an entity, or for a pair of two. A Program computes the rows of
// one definition in the order of one model's columns. How a state is laid out, and what a window of time means
// to the bit, is package window's.
//
// Rows are a pure function of the event, the remembered events of its entities and their labels: not of order,
// restarts or machines.
package feature

import "fmt"

// A Hash is a keyed hash of an entity or a text. The zero Hash stands for one that is absent.
type Hash [16]byte

// A FieldType is what an event's field holds.
type FieldType uint8

// The types of fields.
const (
	Time   FieldType = iota // when the event happened; every definition has exactly one
	Entity                  // whom it concerns: known by its hash alone
	Number                  // a float64
	Text                    // a category, known by its bytes and their hash
	Bool                    // 1 or 0
)

var fieldTypes = [...]string{Time: "time", Entity: "entity", Number: "number", Text: "text", Bool: "bool"}

// String returns the word for t in features.yaml.
func (t FieldType) String() string {
	if int(t) < len(fieldTypes) {
		return fieldTypes[t]
	}
	return fmt.Sprintf("FieldType(%d)", uint8(t))
}

// A Field is a member of an event.
type Field struct {
	Name     string
	Type     FieldType
	Decimals int    // of a number: windows take it in as round(x × 10^Decimals); -1: not declared
	Required bool   // an event without it is refused
	Text     string // what people call it; "": nothing else
}

// sum reports whether windows can add f up.
func (f *Field) sum() bool { return f.Type == Number || f.Type == Bool }

// hashed reports whether windows know f by its hash.
func (f *Field) hashed() bool { return f.Type == Entity || f.Type == Text }

// decimals returns those at which windows take f in.
func (f *Field) decimals() int {
	if f.Type == Bool {
		return 0
	}
	return f.Decimals
}
