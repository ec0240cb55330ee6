package pipeline

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Table gives numbers for numbers: Values[i] for Keys[i], which ascend.
type Table struct {
	Keys, Values []float64
	Other        float64 // for numbers that are no key
	Missing      float64 // for NaN
}

func (t *Table) at(x float64) float64 {
	if x != x {
		return t.Missing
	}
	if i, ok := slices.BinarySearch(t.Keys, x); ok {
		return t.Values[i]
	}
	return t.Other
}

func (t *Table) check() error {
	if len(t.Keys) != len(t.Values) {
		return fmt.Errorf("%d keys for %d values", len(t.Keys), len(t.Values))
	}
	for i, k := range t.Keys {
		if math.IsNaN(k) || i > 0 && k <= t.Keys[i-1] {
			return fmt.Errorf("key %d is %v, after those before it", i, k)
		}
	}
	return nil
}

// checkTables checks that there is a sound table for each slot. Tables may be shared.
func checkTables(tables []*Table, x []int32, slots int) error {
	if len(tables) != len(x) {
		return fmt.Errorf("%d tables for %d numbers", len(tables), len(x))
	}
	seen := make(map[*Table]bool, len(tables))
	for i, t := range tables {
		if t == nil {
			return fmt.Errorf("no table for number %d", i)
		}
		if !seen[t] {
			if err := t.check(); err != nil {
				return err
			}
			seen[t] = true
		}
	}
	return CheckSlots(x, slots)
}

// A Lookup takes each of some slots to its table: ONNX's LabelEncoder.
type Lookup struct {
	Operator string
	X        []int32
	Tables   []*Table // one for each slot
	Width32  bool     // of the numbers
}

// Name returns the operator.
func (s *Lookup) Name() string { return s.Operator }

// Width returns the number of slots.
func (s *Lookup) Width() int { return len(s.X) }

// Check checks tables and slots.
func (s *Lookup) Check(slots int) error { return checkTables(s.Tables, s.X, slots) }

// Run looks up.
func (s *Lookup) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.X {
			x := row[slot]
			if s.Width32 {
				x = float64(float32(x))
			}
			row[at+j] = s.Tables[j].at(x)
		}
	}
}

// A OneHot makes each of some slots Count numbers: 1 in the place that its table gives it, when that is one of them,
// and 0 in all others.
type OneHot struct {
	X      []int32
	Tables []*Table // from categories to places, one for each slot
	Count  int
	Whole  bool // numbers lose their fraction first
}

// Name returns "OneHotEncoder".
func (s *OneHot) Name() string { return "OneHotEncoder" }

// Width returns Count for each slot.
func (s *OneHot) Width() int { return len(s.X) * s.Count }

// Check checks tables and slots.
func (s *OneHot) Check(slots int) error {
	if s.Count < 1 || s.Count > MaxSlots {
		return fmt.Errorf("%d categories", s.Count)
	}
	return checkTables(s.Tables, s.X, slots)
}

// Run encodes.
func (s *OneHot) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		clear(row[at : at+s.Width()])
		for j, slot := range s.X {
			x := row[slot]
			if s.Whole {
				x = whole(x)
			}
			if place := s.Tables[j].at(x); place >= 0 && place < float64(s.Count) {
				row[at+j*s.Count+int(place)] = 1
			}
		}
	}
}

// A Pick takes, for each slot of Index, that of From[j·Count:(j+1)·Count] which it says. NaN where there is no such.
type Pick struct {
	Operator string
	Index    []int32
	From     []int32
	Count    int
}

// Name returns the operator.
func (s *Pick) Name() string { return s.Operator }

// Width returns the number of indices.
func (s *Pick) Width() int { return len(s.Index) }

// Check checks the slots.
func (s *Pick) Check(slots int) error {
	if s.Count < 1 || len(s.From) != len(s.Index)*s.Count {
		return fmt.Errorf("%d numbers for %d indices into %d", len(s.From), len(s.Index), s.Count)
	}
	return errors.Join(CheckSlots(s.Index, slots), CheckSlots(s.From, slots))
}

// Run picks.
func (s *Pick) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		for j, slot := range s.Index {
			row[at+j] = math.NaN()
			k := row[slot]
			if k < 0 {
				k += float64(s.Count)
			}
			if k >= 0 && k < float64(s.Count) {
				row[at+j] = row[s.From[j*s.Count+int(k)]]
			}
		}
	}
}
