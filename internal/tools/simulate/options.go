package simulate

import (
	"fmt"
	"time"
)

// Options say what to simulate. Start from [Defaults]; the zero value is refused.
type Options struct {
	Cards     int       // 1 to 1,000,000
	Terminals int       // 1 to 1,000,000
	Days      int       // 1 to 3,660
	Start     time.Time // midnight UTC of the first day, in the years 1970 to 9000
	Radius    float64   // how far a card reaches: above 0, at most 150, on a square of side 100
	Seed      uint64    // another seed gives another world

	HitTerminals int // terminals compromised each day, for 28 days: 0 to 1,000, and no more than Terminals
	HitCards     int // cards compromised each day, for 14 days: 0 to 1,000, and no more than Cards
}

// Defaults are the handbook's: half a year, about 1.75 million payments, of which about 0.84 % are fraud.
func Defaults() Options {
	return Options{
		Cards:        5_000,
		Terminals:    10_000,
		Days:         183,
		Start:        time.Date(2018, time.April, 1, 0, 0, 0, 0, time.UTC),
		Radius:       5,
		HitTerminals: 2,
		HitCards:     3,
	}
}

// validate bounds what the simulation allocates: about 200 MB, at a million cards and terminals.
func (o Options) validate() error {
	for _, err := range []error{
		within("cards", o.Cards, 1, 1_000_000),
		within("terminals", o.Terminals, 1, 1_000_000),
		within("days", o.Days, 1, 3_660),
		o.validateStart(),
		o.validateRadius(),
		within("hit terminals", o.HitTerminals, 0, min(o.Terminals, 1_000)),
		within("hit cards", o.HitCards, 0, min(o.Cards, 1_000)),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (o Options) validateStart() error {
	if y := o.Start.UTC().Year(); y < 1970 || y > 9000 {
		return fmt.Errorf("start year is %d, not in 1970 to 9000", y)
	}
	if !o.Start.UTC().Truncate(24 * time.Hour).Equal(o.Start) {
		return fmt.Errorf("start is %s, not midnight UTC", o.Start.Format(time.RFC3339Nano))
	}
	return nil
}

func (o Options) validateRadius() error {
	if o.Radius > 0 && o.Radius <= 150 { // false for NaN
		return nil
	}
	return fmt.Errorf("radius is %v, not above 0 and at most 150", o.Radius)
}

func within(name string, v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%s is %d, not in %d to %d", name, v, low, high)
	}
	return nil
}
