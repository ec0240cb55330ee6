package pipeline

// Constants appends numbers that are the same in every row.
type Constants struct{ Numbers []float64 }

// Name returns "Constant".
func (s *Constants) Name() string { return "Constant" }

// Width returns the number of numbers.
func (s *Constants) Width() int { return len(s.Numbers) }

// Check finds nothing wrong with any number.
func (s *Constants) Check(int) error { return nil }

// Run writes the numbers.
func (s *Constants) Run(b *Block, at int) {
	for i := range b.Len() {
		copy(b.Row(i)[at:], s.Numbers)
	}
}
