package memo

import (
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"testing"
)

// The worked examples of docs/caching.md. BESRA_MEMO_ROWS names a file of rows, which besra features made of the
// payments of besra simulate for the demo's model; without it they are the demo's golden rows, which are few.
func TestWorkedExamples(t *testing.T) {
	path := os.Getenv("BESRA_MEMO_ROWS")
	if path == "" {
		path = "../../models/fraud/1/golden/rows.csv"
	}
	for _, c := range []struct {
		name    string
		columns []string // none: all
		round   float64  // the first of them to a multiple of it
	}{
		{"all columns", nil, 0},
		{"few columns, coarse", []string{"amount", "night", "weekend", "card_count_1d"}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m, s := newGhost(1), newMemo(t, 64<<20), scopeOf(1)
			n := 0
			for row := range readRows(t, path, c.columns) {
				if c.round > 0 {
					row[0] = math.Round(row[0]/c.round) * c.round
				}
				g.Saw(s, row)
				remember(m, s, row, []float64{1})
				n++
			}
			got := m.Stats()
			if n == 0 || got.Hits+got.Misses != uint64(n) || got.Entries == 0 {
				t.Fatalf("%d rows: %+v", n, got)
			}
			t.Logf("%d rows; a memo of 64 MiB knew %.3f %%; %d entries of %d bytes, %d evicted", n,
				100*float64(got.Hits)/float64(n), got.Entries, got.Bytes/int64(got.Entries), got.Evicted)
			for _, e := range g.Estimate() {
				t.Logf("%8d rows, %6.1f MiB: %7.3f %%, of %d; of 10,000 rows/s with 0.3, 1, 7.4, 190 µs each %+.3f %+.3f %+.3f %+.3f",
					e.Rows, float64(e.Bytes)/(1<<20), 100*e.HitRatio, e.Sampled, Saved(e.HitRatio, 1e4, 0.3e-6),
					Saved(e.HitRatio, 1e4, 1e-6), Saved(e.HitRatio, 1e4, 7.4e-6), Saved(e.HitRatio, 1e4, 190e-6))
			}
		})
	}
}

// readRows gives the rows of a CSV file, of these columns; what is given is valid until the next.
func readRows(t *testing.T, path string, columns []string) func(yield func([]float64) bool) {
	return func(yield func([]float64) bool) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.ReuseRecord = true
		header, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for i := range header {
			if columns == nil {
				at = append(at, i)
			}
		}
		for _, column := range columns {
			for i, name := range header {
				if name == column {
					at = append(at, i)
				}
			}
		}
		row := make([]float64, len(at))
		for {
			record, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range at {
				if row[i], err = strconv.ParseFloat(record[c], 64); err != nil {
					if row[i] = math.NaN(); record[c] != "" {
						t.Fatal(err)
					}
				}
			}
			if !yield(row) {
				return
			}
		}
	}
}
