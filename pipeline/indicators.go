package pipeline

import "fmt"

// Indicators are a one-hot encoding: for each of some values, 1 in the rows whose slot holds it and 0 in the others.
type Indicators struct {
	slot   int32
	places map[float64]int32
}

// NewIndicators returns the indicators of values, each there once, in the given slot.
func NewIndicators(slot int32, values []float64) (*Indicators, error) {
	s := &Indicators{slot: slot, places: make(map[float64]int32)}
	for i, v := range values {
		if _, twice := s.places[v]; twice || v != v {
			return nil, fmt.Errorf("value %d, %v, is no number or comes twice", i, v)
		}
		s.places[v] = int32(i)
	}
	return s, nil
}

// Name implements [Step].
func (s *Indicators) Name() string { return "one-hot" }

// Width implements [Step].
func (s *Indicators) Width() int { return len(s.places) }

// Check implements [Step].
func (s *Indicators) Check(slots int) error { return CheckSlots([]int32{s.slot}, slots) }

// Run implements [Step].
func (s *Indicators) Run(b *Block, at int) {
	for i := range b.Len() {
		row := b.Row(i)
		clear(row[at : at+len(s.places)])
		if j, ok := s.places[row[s.slot]]; ok {
			row[at+int(j)] = 1
		}
	}
}
