package pipeline

import (
	"fmt"
	"math"
	"unsafe"
)

// Type is what a column's values mean.
type Type uint8

// The types of columns. All but String take numbers.
const (
	Float    Type = iota
	Int           // whole numbers; the trees see them as any other number
	Bool          // 0 or 1
	Category      // category codes, from 0
	String        // names, which have category codes: by a dictionary, or by a hash
	typeCount
)

var typeNames = [typeCount]string{"float", "int", "bool", "category", "string"}

// String returns the type's name, as bundles spell it.
func (t Type) String() string {
	if t >= typeCount {
		return fmt.Sprintf("Type(%d)", uint8(t))
	}
	return typeNames[t]
}

// ParseType returns the type of that name.
func ParseType(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// A Column is one feature of a model.
type Column struct {
	Name string
	Type Type

	names []string             // a String column's dictionary, by code
	codes map[string]int       // its inverse
	hash  func(string) float64 // in place of a dictionary
	empty bool                 // what is not there is the empty name
}

// StringColumn returns a column whose dictionary gives names[i] the code i.
func StringColumn(name string, names []string) (Column, error) {
	c := Column{Name: name, Type: String, names: names, codes: make(map[string]int, min(len(names), 1<<12))}
	for i, n := range names {
		if j, ok := c.codes[n]; ok {
			return Column{}, fmt.Errorf("column %q: category %q has the codes %d and %d", name, n, j, i)
		}
		c.codes[n] = i
	}
	return c, nil
}

// HashedColumn returns a String column in which every name has a code, which hash computes: an exact integer. It must not
// keep the name.
func HashedColumn(name string, hash func(string) float64) Column {
	return Column{Name: name, Type: String, hash: hash}
}

// Hashed reports whether every name has a code in this String column, the empty one too.
func (c Column) Hashed() bool { return c.hash != nil }

// NeverMissing returns c as a column of a library that knows no missing names, as hashed columns are: what is not there is
// the empty name.
func (c Column) NeverMissing() Column {
	c.empty = true
	return c
}

// Absent returns what stands for a value that is not there: NaN, or the code of the empty name where the column's library
// knows no missing ones.
func (c Column) Absent() float64 {
	if c.hash != nil || c.empty {
		return c.Code("")
	}
	return math.NaN()
}

// Dictionary returns the names that a String column knows, in the order of their codes; nil for hashed ones and others.
// The caller must not change it.
func (c Column) Dictionary() []string { return c.names }

// Code returns the category code of name, an exact integer; NaN, which is missing, when it has none.
func (c Column) Code(name string) float64 {
	if c.hash != nil {
		return c.hash(name)
	}
	i, ok := c.codes[name]
	if !ok {
		return math.NaN()
	}
	return float64(i)
}

// CodeOf is Code for a name in bytes, and allocates nothing.
func (c *Column) CodeOf(name []byte) float64 {
	if c.hash != nil {
		return c.hash(unsafe.String(unsafe.SliceData(name), len(name)))
	}
	if i, ok := c.codes[string(name)]; ok {
		return float64(i)
	}
	return math.NaN()
}

func validateColumns(cs []Column) error {
	if len(cs) == 0 {
		return fmt.Errorf("no columns")
	}
	seen := make(map[string]int, len(cs))
	for i, c := range cs {
		if c.Name == "" {
			return fmt.Errorf("column %d has no name", i)
		}
		if j, ok := seen[c.Name]; ok {
			return fmt.Errorf("columns %d and %d are both named %q", j, i, c.Name)
		}
		seen[c.Name] = i
		if c.Type >= typeCount {
			return fmt.Errorf("column %q has the unknown type %d", c.Name, c.Type)
		}
		if (c.Type == String) != (c.codes != nil || c.hash != nil) {
			return fmt.Errorf("column %q: string columns, and no others, have a dictionary or a hash", c.Name)
		}
	}
	return nil
}
