package feature

// A Work is memory that computing rows and changing states takes. The zero Work is ready; it is for one
// goroutine at a time, and for one plan after another.
type Work struct {
	slots     []float64
	values    []int64
	scratches [][]byte // by group
	zone      zoneCache
}

// room returns n slots.
func (w *Work) room(n int) []float64 {
	if cap(w.slots) < n {
		w.slots = make([]float64, n)
	}
	return w.slots[:n]
}

// scratch returns the memory in which group i's state may grow. A state that lives there already, by an
// earlier change, cannot grow into itself.
func (w *Work) scratch(i int, state []byte) []byte {
	for len(w.scratches) <= i {
		w.scratches = append(w.scratches, nil)
	}
	if same(state, w.scratches[i]) {
		return nil
	}
	return w.scratches[i]
}

// keep remembers the memory of a state that has grown.
func (w *Work) keep(i int, state, grown []byte) {
	if cap(grown) > 0 && !same(state, grown) {
		w.scratches[i] = grown[:0]
	}
}

// same reports whether a and b start in the same memory.
func same(a, b []byte) bool {
	return cap(a) > 0 && cap(b) > 0 && &a[:1][0] == &b[:1][0]
}
