package forest

import "sync"

// An Evaluator runs a checked [Forest]. It is immutable and may be used from many goroutines.
//
// It has several ways to the same bits. The plain walk (walk.go) is what all others must equal. Two portable kernels
// take many walks in lockstep without a branch, in two sizes of node (narrow.go, wide.go). Others take one row
// through trees of their kind, and are much faster with them: symmetric ones (symmetric.go), and, on machines with
// AVX-512, those of few levels or few leaves, by deciding a whole tree at once (mask.go, sieve.go).
type Evaluator struct {
	forest  *Forest
	program *program
	scratch sync.Pool // *scratch
}

// Compile checks f and makes it ready to run. The caller must not change f afterwards.
func Compile(f *Forest) (*Evaluator, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	return newEvaluator(f, assemble(f, kernels{bytes: hasBytes(), symmetric: true})), nil
}

func newEvaluator(f *Forest, p *program) *Evaluator {
	e := &Evaluator{forest: f, program: p}
	e.scratch.New = func() any {
		s := new(scratch)
		s.resize(p, p.forest, 1)
		return s
	}
	return e
}

// kernels says which may be used beside the lockstep.
type kernels struct {
	bytes     bool // those that compare bytes
	symmetric bool
}

// A rowKernel takes one row through the trees in their order, so that it can add up their leaves as it goes. A loaded
// row is in the scratch.
type rowKernel interface {
	words() int                                    // how much of scratch.words it needs
	load(s *scratch)                               // prepares the row that the keys are of
	walk(s *scratch, first int, payloads []uint32) // writes the payloads of its leaves in the trees from first on

	// sum32 adds the leaves of n trees to sum, where they are added in float32 to one output; sum64 in float64.
	sum32(s *scratch, first, n int, sum float32) float32
	sum64(s *scratch, first, n int, sum float64) float64
}

// newRowKernel returns the fastest that can take the forest, or nil: rows of very many keys are for none, since what a
// kernel keeps of each would be large however small the forest.
func newRowKernel(f *Forest, p *program, have kernels) rowKernel {
	if len(f.Trees) == 0 || p.keys() > narrowSlots {
		return nil
	}
	if f.Outputs > 1 {
		p.addValues(f)
	}
	if have.symmetric {
		if s := newSymmetric(f, p, have.bytes); s != nil {
			return s
		}
	}
	if have.bytes && !f.symmetric() {
		return newBytewise(f, p)
	}
	return nil
}

// window is how many trees are walked before their leaves are added. Within a window trees are grouped
// by depth, so that those in lockstep end together; the sum runs in the forest's own order.
const window = 64

// blockRows bounds how many rows a batch takes through a window at once, and blockKeys the memory of their
// keys, in bytes, so that it stays in a cache beside the trees.
const (
	blockRows = 64
	blockKeys = 256 << 10
)

// longRow is how many keys make a row that is taken alone.
const longRow = 1 << 17

// block returns how many rows a batch takes at once.
func (p *program) block() int {
	if p.keys() > longRow {
		return 1
	}
	return max(8, min(blockRows, blockKeys/(8*p.keys())))
}

// scratch is the memory of one call.
type scratch struct {
	keys     []int64   // rows of keys: one, or a block of them
	payloads []uint32  // for each row, its leaf in each tree of the window; padding lanes write behind them
	x        []float64 // widened rows, when something has to be walked or computed from them
	ranks    *rankRow  // of a row kernel
	words    []uint64  // of a row kernel
}

// lanes is the room for a row's payloads: a window, and what padding lanes write.
const lanes = window + 1

// resize makes room for n rows.
func (s *scratch) resize(p *program, f *Forest, n int) {
	s.keys = make([]int64, n*p.keys())
	s.payloads = make([]uint32, n*lanes)
	if p.needsRow {
		s.x = make([]float64, n*f.Features)
	}
	if p.rows != nil {
		s.ranks, s.words = new(rankRow), make([]uint64, p.rows.words())
	}
}

// Margin writes the margins of each row into dst, over the rounds [from, to).
//
// rows holds n×Features values, row-major; NaN is missing. dst takes n×Outputs. The lengths and the
// rounds are the caller's to check.
func Margin[T float32 | float64](e *Evaluator, dst []float64, rows []T, from, to int) {
	f, p := e.program.forest, e.program
	s := e.scratch.Get().(*scratch)
	for len(rows) >= f.Features {
		n := 1
		if p.rows == nil && len(rows) >= 8*f.Features {
			n = min(len(rows)/f.Features, p.block())
			if len(s.payloads) < n*lanes {
				s.resize(p, f, p.block())
			}
		}
		load(p, s, f, rows[:n*f.Features])
		p.run(s, f, dst[:n*f.Outputs], n, from, to)
		rows, dst = rows[n*f.Features:], dst[n*f.Outputs:]
	}
	e.scratch.Put(s)
}

// load prepares n rows.
func load[T float32 | float64](p *program, s *scratch, f *Forest, rows []T) {
	w, k := f.Features, p.keys()
	for r := 0; r*w < len(rows); r++ {
		row := rows[r*w : (r+1)*w]
		fillKeys(p, s.keys[r*k:(r+1)*k], row)
		if p.needsRow {
			x := s.x[r*w : (r+1)*w]
			widen(f, x, row)
			p.outcomes.fill(f, s.keys[r*k+p.leafSlot()+1:], x)
		}
	}
}

// run evaluates n loaded rows.
func (p *program) run(s *scratch, f *Forest, dst []float64, n, from, to int) {
	k := f.Outputs
	clear(dst)
	if !f.BaseLast && len(f.Base) > 0 {
		for r := range n {
			copy(dst[r*k:(r+1)*k], f.Base)
		}
	}
	first, last := f.Round(from), f.Round(to)
	if p.rows != nil {
		p.walkRow(s, f, dst, first, last)
	} else {
		p.walkRows(s, f, dst, n, first, last)
	}
	for r := range n {
		f.finish(dst[r*k:(r+1)*k], from, to)
	}
}

// walkRow adds the leaves of the trees [first, last) to the sums of a loaded row, by the row kernel.
func (p *program) walkRow(s *scratch, f *Forest, dst []float64, first, last int) {
	if first == last {
		return
	}
	p.rows.load(s)
	switch {
	case p.leaves == singles && len(dst) == 1:
		dst[0] = float64(p.rows.sum32(s, first, last-first, float32(dst[0])))
	case p.leaves == doubles && len(dst) == 1:
		dst[0] = p.rows.sum64(s, first, last-first, dst[0])
	default:
		for ; first < last; first += window {
			payloads := s.payloads[:min(window, last-first)]
			p.rows.walk(s, first, payloads)
			p.sum(f, dst, payloads, first, s.row(f, 0))
		}
	}
}

// walkRows adds the leaves of the trees [first, last) to the sums of n rows, window by window.
func (p *program) walkRows(s *scratch, f *Forest, dst []float64, n, first, last int) {
	k := f.Outputs
	for w := first / window; w*window < last; w++ {
		p.walkWindow(s, f, w, n)
		lo, hi := max(first, w*window), min(last, (w+1)*window)
		for r := range n {
			payloads := s.payloads[r*lanes:][:window]
			p.sum(f, dst[r*k:(r+1)*k], payloads[lo-w*window:hi-w*window], lo, s.row(f, r))
		}
	}
}

// row returns widened row r, or nil when nobody needs it.
func (s *scratch) row(f *Forest, r int) []float64 {
	if s.x == nil {
		return nil
	}
	return s.x[r*f.Features : (r+1)*f.Features]
}

// walkWindow finds the leaves of n rows in every tree of window w.
func (p *program) walkWindow(s *scratch, f *Forest, w, n int) {
	win := &p.windows[w]
	switch {
	case p.deep:
		for r := range n {
			deepTrees(win, s.keys[r*p.keys():], s.payloads[r*lanes:])
		}
	case n >= 8 && p.narrow:
		narrowRows(win, s.keys, p.keys(), s.payloads, n)
	case n >= 8:
		wideRows(win, s.keys, p.keys(), s.payloads, n)
	case p.narrow:
		narrowTrees(win, s.keys, s.payloads)
	default:
		wideTrees(win, s.keys, s.payloads)
	}
	for _, lane := range win.walked {
		tree := w*window + int(lane)
		for r := range n {
			s.payloads[r*lanes+int(lane)] = p.payload(f, tree, f.leaf(&f.Trees[tree], s.row(f, r)))
		}
	}
}
