package pipeline

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ran returns what a step computes of rows.
func ran(t *testing.T, s Step, rows ...[]float64) [][]float64 {
	t.Helper()
	columns := len(rows[0])
	if err := s.Check(columns); err != nil {
		t.Fatal(err)
	}
	b := Block{width: columns + s.Width(), n: len(rows)}
	for _, row := range rows {
		b.slots = append(append(b.slots, row...), make([]float64, s.Width())...)
	}
	for i := columns; i < len(b.slots); i += b.width {
		for j := range s.Width() {
			b.slots[i+j] = 99 // whatever was there
		}
	}
	s.Run(&b, columns)
	var out [][]float64
	for i := range rows {
		if d := cmp.Diff(rows[i], b.Row(i)[:columns], cmp.Comparer(sameBits)); d != "" {
			t.Errorf("row %d has changed: %s", i, d)
		}
		out = append(out, b.Row(i)[columns:])
	}
	return out
}

func TestIndicators(t *testing.T) {
	s, err := NewIndicators(1, []float64{7, 4294967295, 0})
	if err != nil {
		t.Fatal(err)
	}
	got := ran(t, s, []float64{7, 0}, []float64{0, 7}, []float64{0, 4294967295}, []float64{0, 8}, []float64{0, math.NaN()}, []float64{0, -7})
	want := [][]float64{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := s.Check(1); err == nil || !strings.Contains(err.Error(), "value 1 of 1") {
		t.Errorf("a slot that is not there: %v", err)
	}
	for _, values := range [][]float64{{1, 2, 1}, {math.NaN()}} {
		if _, err := NewIndicators(0, values); err == nil {
			t.Errorf("%v are taken", values)
		}
	}
}

// counted is what was counted of two combinations and three classes.
func counted(rows ...uint64) *Counts {
	c := &Counts{Rows: NewHashes(2), Classes: 3, Numbers: []int32{1, 2, 3, 10, 0, 5}, Denominator: 40}
	for i, h := range rows {
		c.Rows.Put(h, int32(i))
	}
	return c
}

func TestRates(t *testing.T) {
	hash := func(code float64) uint64 { return combine(0, signed(code)) }
	numbers := &Counts{
		Rows: counted(hash(5), hash(4294967290)).Rows, Classes: 1, Numbers: []int32{4, 8}, Sums: []float32{2.5, 1}, Denominator: 40,
	}
	for name, c := range map[string]struct {
		rate   Rate
		counts *Counts
		want   [3]float32 // of the two combinations, and of one that was not seen
	}{
		"above the first class":  {Rate{Kind: RateAbove, Weight: 1, Scale: 1}, counted(hash(5), hash(4294967290)), [3]float32{5. / 7, 5. / 16, 0}},
		"above the second class": {Rate{Kind: RateAbove, Class: 1, Prior: 0.5, Weight: 1, Scale: 1}, counted(hash(5), hash(4294967290)), [3]float32{3.5 / 7, 5.5 / 16, 0.5}},
		"within the last class":  {Rate{Kind: RateWithin, Class: 2, Weight: 1, Scale: 15, Shift: 1}, counted(hash(5), hash(4294967290)), [3]float32{(float32(3)/7 + 1) * 15, (float32(5)/16 + 1) * 15, 15}},
		"the mean":               {Rate{Kind: RateMean, Prior: 1, Weight: 1, Scale: 1}, numbers, [3]float32{3.5 / 5, 2. / 9, 1}},
		"the frequency":          {Rate{Kind: RateFrequency, Weight: 1, Scale: 1}, numbers, [3]float32{4. / 41, 8. / 41, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ran(t, &CTR{Categories: []int32{0}, Counts: c.counts, Rates: []Rate{c.rate}}, []float64{5}, []float64{4294967290}, []float64{6})
			for i := range got {
				if got[i][0] != float64(c.want[i]) {
					t.Errorf("row %d: %v, want %v", i, got[i][0], c.want[i])
				}
			}
		})
	}
}

func TestCombinationsAreHashed(t *testing.T) {
	s := &CTR{Categories: []int32{1, 0}, Conditions: []Condition{{Slot: 2, Value: 0.5}, {Slot: 2, Value: 0.5, NaNAbove: true}, {Slot: 0, Value: 3, Equal: true}}}
	hash := func(parts ...uint64) uint64 {
		h := uint64(0)
		for _, p := range parts {
			h = combine(h, p)
		}
		return h
	}
	const minus1 = math.MaxUint64 // the code 4294967295, extended by its sign
	for _, c := range []struct {
		row  []float64
		want uint64
	}{
		{[]float64{3, 4294967295, 0.75}, hash(minus1, 3, 1, 1, 1)},
		{[]float64{4, 4294967295, 0.5}, hash(minus1, 4, 0, 0, 0)},
		{[]float64{3, 0, math.NaN()}, hash(0, 3, 0, 1, 1)},
		{[]float64{math.NaN(), math.Inf(1), -1}, hash(0, 0, 0, 0, 0)},
		{[]float64{-1, 1e30, math.Inf(1)}, hash(0, minus1, 1, 1, 0)},
	} {
		if got := s.hash(c.row); got != c.want {
			t.Errorf("%v: %d, want %d", c.row, got, c.want)
		}
	}
	if got := combine(7, 9); got != 0x4906ba494954cb65*(7+0x4906ba494954cb65*9&math.MaxUint64)&math.MaxUint64 {
		t.Errorf("7 and 9 make %d", got)
	}
}

func TestACTRThatContradictsItselfIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*CTR)
		want   string
	}{
		"a category elsewhere":  {func(s *CTR) { s.Categories[0] = 2 }, "value 2 of 2"},
		"a negative category":   {func(s *CTR) { s.Categories[0] = -1 }, "value -1 of 2"},
		"a condition elsewhere": {func(s *CTR) { s.Conditions = []Condition{{Slot: 9}} }, "condition 0: input 0 is value 9 of 2"},
		"no counts":             {func(s *CTR) { s.Counts = nil }, "no counts"},
		"no classes":            {func(s *CTR) { s.Counts.Classes = 0 }, "do not divide into rows"},
		"half a row":            {func(s *CTR) { s.Counts.Numbers = s.Counts.Numbers[:5] }, "do not divide into rows"},
		"a row that is not":     {func(s *CTR) { s.Counts.Rows.Put(3, 2) }, "rows 0 to 2 of 2"},
		"a negative row":        {func(s *CTR) { s.Counts.Rows.Put(3, -5) }, "rows -5 to 1 of 2"},
		"another class":         {func(s *CTR) { s.Rates[0].Class = 3 }, "rate 0: class 3 of 3"},
		"a mean of classes":     {func(s *CTR) { s.Rates[0].Kind = RateMean }, "a mean without sums"},
		"sums beside classes":   {func(s *CTR) { s.Counts.Sums = []float32{1, 2} }, "2 sums for 2 rows of 3 counts"},
		"a frequency":           {func(s *CTR) { s.Rates[0].Kind = RateFrequency }, "a frequency of 3 classes"},
		"an unknown kind":       {func(s *CTR) { s.Rates[0].Kind = rateCount }, "unknown kind 4"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &CTR{Categories: []int32{0}, Counts: counted(1, 2), Rates: []Rate{{Kind: RateAbove, Weight: 1}}}
			c.change(s)
			if err := s.Check(2); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestCountsOfManyCTRsAreCheckedOnce(t *testing.T) {
	const n = 200_000
	c := &Counts{Rows: NewHashes(n), Classes: 1, Numbers: make([]int32, n)}
	for i := range int32(n) {
		c.Rows.Put(uint64(i)<<40, i)
	}
	start := time.Now()
	for range 5000 {
		if err := (&CTR{Counts: c, Rates: []Rate{{Kind: RateFrequency}}}).Check(1); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestHashesAreFound(t *testing.T) {
	for name, make := range map[string]func(i uint64) uint64{
		"spread":                       func(i uint64) uint64 { return combine(0, i) },
		"together":                     func(i uint64) uint64 { return 7<<40 + i },
		"at the end, all in one place": func(i uint64) uint64 { return math.MaxUint64 - i },
		"at the beginning":             func(i uint64) uint64 { return i },
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []uint64{0, 1, 2, 3, 8, 1000} {
				h := NewHashes(int(n))
				for i := range n {
					h.Put(make(2*i), 99)
				}
				for i := range n {
					h.Put(make(2*i), int32(i))
				}
				for i := range n {
					if row, ok := h.find(make(2 * i)); !ok || row != int32(i) {
						t.Fatalf("of %d hashes, number %d is in row %d, %v", n, i, row, ok)
					}
					if row, ok := h.find(make(2*i + 1)); ok {
						t.Fatalf("of %d hashes, one that is not there is in row %d", n, row)
					}
				}
				if n > 0 && (h.least != 0 || h.most != max(99, int32(n)-1)) {
					t.Errorf("%d hashes are in the rows %d to %d", n, h.least, h.most)
				}
			}
		})
	}
}
