package pipeline

import (
	"errors"
	"fmt"
	"sync"
)

// A CTR makes numbers of a combination of categories by what was counted of it in training: click-through rates, by
// their first use in CatBoost.
//
// The categories are hashed together, with what else the combination depends on; the hash is looked up; and each of
// the step's slots gets a rate, (good + prior) / (total + weight), shifted and scaled, in float32. What was not seen
// in training has counted nothing.
type CTR struct {
	Categories []int32     // slots that hold codes of categories
	Conditions []Condition // splits that belong to the combination
	Counts     *Counts
	Rates      []Rate
}

// A Condition is a split that a combination depends on: whether a slot's number is above a threshold, or its code is
// that of a category.
type Condition struct {
	Slot     int32
	Value    float64 // the threshold, or the code
	Equal    bool    // it is a code
	NaNAbove bool    // NaN is above the threshold
}

// Counts are what was counted in training: for each combination a row of numbers, one a class of the target. They are not
// to be changed once a CTR that has them is checked.
type Counts struct {
	Rows        *Hashes   // the row of each combination
	Classes     int       // numbers of a row
	Numbers     []int32   // row by row
	Sums        []float32 // of the target, a row each: then a row's one number says how many were summed
	Denominator int32     // of [RateFrequency]

	once  sync.Once // many CTRs may share them
	wrong error
}

// A RateKind says what is good.
type RateKind uint8

// The kinds of rates.
const (
	RateAbove     RateKind = iota // targets of a class above Class, of all: CatBoost's Borders
	RateWithin                    // targets of Class, of all: Buckets
	RateMean                      // the sum of targets, of their number: BinarizedTargetMeanValue, FloatTargetMeanValue
	RateFrequency                 // the number, of the denominator: Counter, FeatureFreq
	rateCount
)

// A Rate is how one of a CTR's slots follows from the counts.
type Rate struct {
	Kind          RateKind
	Class         int32
	Prior, Weight float32
	Shift, Scale  float32
}

// Name implements [Step].
func (s *CTR) Name() string { return "ctr" }

// Width implements [Step].
func (s *CTR) Width() int { return len(s.Rates) }

// Check implements [Step].
func (s *CTR) Check(slots int) error {
	if err := CheckSlots(s.Categories, slots); err != nil {
		return err
	}
	for i := range s.Conditions {
		if err := CheckSlots([]int32{s.Conditions[i].Slot}, slots); err != nil {
			return fmt.Errorf("condition %d: %w", i, err)
		}
	}
	if err := s.Counts.check(); err != nil {
		return err
	}
	for i := range s.Rates {
		if err := s.Counts.checkRate(&s.Rates[i]); err != nil {
			return fmt.Errorf("rate %d: %w", i, err)
		}
	}
	return nil
}

func (c *Counts) check() error {
	if c == nil {
		return errors.New("no counts")
	}
	c.once.Do(func() { c.wrong = c.contradiction() })
	return c.wrong
}

func (c *Counts) contradiction() error {
	if c.Rows == nil || c.Classes < 1 || len(c.Numbers)%c.Classes != 0 {
		return errors.New("counts that do not divide into rows")
	}
	rows := len(c.Numbers) / c.Classes
	if c.Sums != nil && (c.Classes != 1 || len(c.Sums) != rows) {
		return fmt.Errorf("%d sums for %d rows of %d counts", len(c.Sums), rows, c.Classes)
	}
	if h := c.Rows; h.least < 0 || int(h.most) >= rows {
		return fmt.Errorf("hashes are in the rows %d to %d of %d", h.least, h.most, rows)
	}
	return nil
}

func (c *Counts) checkRate(r *Rate) error {
	switch r.Kind {
	case RateAbove, RateWithin:
		if c.Classes < 2 || r.Class < 0 || int(r.Class) >= c.Classes {
			return fmt.Errorf("class %d of %d", r.Class, c.Classes)
		}
	case RateMean:
		if c.Sums == nil {
			return errors.New("a mean without sums")
		}
	case RateFrequency:
		if c.Classes != 1 {
			return fmt.Errorf("a frequency of %d classes", c.Classes)
		}
	default:
		return fmt.Errorf("unknown kind %d", r.Kind)
	}
	return nil
}

// Run implements [Step].
func (s *CTR) Run(b *Block, at int) {
	for i := range b.Len() {
		slots := b.Row(i)
		row, seen := s.Counts.Rows.find(s.hash(slots))
		if seen {
			s.seen(slots[at:at+len(s.Rates)], int(row))
			continue
		}
		for j := range s.Rates {
			r := &s.Rates[j]
			total := float32(0)
			if r.Kind == RateFrequency {
				total = float32(s.Counts.Denominator)
			}
			slots[at+j] = r.of(0, total)
		}
	}
}

// seen computes the rates of a combination that has counts.
func (s *CTR) seen(dst []float64, row int) {
	c := s.Counts
	numbers := c.Numbers[row*c.Classes:][:c.Classes]
	sum := int32(0)
	for _, n := range numbers {
		sum += n
	}
	all := float32(sum)
	for j := range s.Rates {
		switch r := &s.Rates[j]; r.Kind {
		case RateAbove:
			good := int32(0)
			for _, n := range numbers[r.Class+1:] {
				good += n
			}
			dst[j] = r.of(float32(good), all)
		case RateWithin:
			dst[j] = r.of(float32(numbers[r.Class]), all)
		case RateMean:
			dst[j] = r.of(c.Sums[row], all)
		default:
			dst[j] = r.of(all, float32(c.Denominator))
		}
	}
}

// of is the rate of so much good in a total.
func (r *Rate) of(good, total float32) float64 {
	rate := (good + r.Prior) / (total + r.Weight)
	return float64((rate + r.Shift) * r.Scale)
}

// hash combines categories and conditions.
func (s *CTR) hash(slots []float64) uint64 {
	h := uint64(0)
	for _, c := range s.Categories {
		h = combine(h, signed(slots[c]))
	}
	for i := range s.Conditions {
		bit := uint64(0)
		if c := &s.Conditions[i]; c.holds(slots[c.Slot]) {
			bit = 1
		}
		h = combine(h, bit)
	}
	return h
}

// combine is CatBoost's (catboost/libs/model/hash.h).
func combine(h, x uint64) uint64 {
	const k = 0x4906ba494954cb65
	return k * (h + k*x)
}

// signed returns a code as it is hashed: 32 bits, extended by their sign. What is no code counts as 0.
func signed(code float64) uint64 {
	if !(code > -1<<31 && code < 1<<32) {
		return 0
	}
	return uint64(int32(uint32(int64(code))))
}

func (c *Condition) holds(x float64) bool {
	switch {
	case c.Equal:
		return x == c.Value
	case x != x:
		return c.NaNAbove
	}
	return x > c.Value
}
