package memo

import "math"

// An Estimate is what a Memo of a size would do for the rows that came lately.
type Estimate struct {
	Rows     int     // that it holds
	Bytes    int64   // that it takes for rows as wide as those, with one margin
	HitRatio float64 // share of rows that it would know; NaN: too little was seen
	Sampled  uint64  // lookups that this rests on
}

// enough lookups of followed rows are to be expected before anything is said.
const enough = 1000

// Estimate returns the estimates, from the smallest size to the largest.
func (g *Ghost) Estimate() []Estimate {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := g.turn() + g.before
	all := make([]Estimate, sizeCount)
	for i := range g.sizes {
		s := &g.sizes[i]
		t := s.now.plus(s.before)
		columns := 0
		if t.seen > 0 {
			columns = int((t.columns + t.seen/2) / t.seen)
		}
		all[i] = Estimate{
			Rows: s.rows, Bytes: int64(s.rows) * entryBytes(columns, 1),
			HitRatio: t.ratio(float64(asked) / float64(int(1)<<s.one)), Sampled: t.seen,
		}
	}
	return all
}

func (t tally) plus(o tally) tally {
	t.seen += o.seen
	t.hits += o.hits
	t.columns += o.columns
	t.square += o.square
	t.common += o.common
	return t
}

// ratio estimates the share of all lookups that hit, where as many as want were to be expected in the sample.
//
// That many are in it when rows are asked for about equally often. But a row that is asked for all the time is in the
// sample or not, with all its lookups. So what is missing, or too much, is corrected for: such lookups hit as those of
// the sample's rows do, each row weighted by how often it is asked for (a regression of hits on lookups). Rows that
// never repeat have no hits to correct by, so that nothing stays nothing. When far more is missing than rows like the
// sample's explain, few rows make it up, and they hit.
func (t tally) ratio(want float64) float64 {
	if want < enough {
		return math.NaN()
	}
	missing, hit := want-float64(t.seen), 1.
	if missing < 4*math.Sqrt(float64(t.square)) { // four standard deviations
		hit = float64(t.common) / float64(t.square)
	}
	return min(max((float64(t.hits)+hit*missing)/want, 0), 1)
}

// What a row of 15 to 30 columns costs in a full Memo of 64 MiB, on a cloud machine with two shared cores. Of few rows a
// hit takes half of it. Most of a miss is to remember what was missed, and to forget another.
const (
	hitSeconds  = 0.5e-6
	missSeconds = 2e-6
)

// Saved returns how many processors a Memo would save that knows this share of the rows, when predicting one takes so
// long. Less than 0: so many more are needed. Without a ratio (NaN) nothing is known of it.
func Saved(ratio, rowsPerSecond, predictSeconds float64) float64 {
	return rowsPerSecond * (ratio*(predictSeconds-hitSeconds) - (1-ratio)*missSeconds)
}
