package feature_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/window"
)

func TestCalendarsAgreeWithTimesOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		times := []int64{0, 1, window.MaxTime, window.MaxTime - 1}
		for at := time.UnixMilli(0).In(zone); at.Year() < 2045; {
			_, change := at.ZoneBounds()
			if change.IsZero() {
				break
			}
			for _, around := range []int64{-3600_000, -1001, -1, 0, 1, 999, 3600_000} {
				if ms := change.UnixMilli() + around; ms >= 0 {
					times = append(times, ms)
				}
			}
			// On the last day of a leap year the bound may lie before the time itself.
			if at = at.AddDate(0, 0, 2); at.Before(change) {
				at = change
			}
		}
		for range 2000 {
			times = append(times, r.Int64N(window.MaxTime+1), r.Int64N(3_000_000_000_000))
		}
		var w feature.Work
		for _, ordered := range []bool{true, false} {
			if !ordered {
				r.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
			}
			for _, ms := range times {
				at := time.UnixMilli(ms).In(zone)
				local := w.LocalSeconds(zone, ms)
				for word, want := range map[string]float64{
					"hour":    float64(at.Hour()),
					"weekday": float64((at.Weekday() + 6) % 7),
					"weekend": one(at.Weekday() == time.Saturday || at.Weekday() == time.Sunday),
					"night":   one(at.Hour() < 7),
				} {
					if got := feature.CalendarOf(word, local); got != want {
						t.Fatalf("%s at %v: got %v, want %v", word, at, got, want)
					}
				}
			}
		}
	}
}

func TestTheZoneIsTheDefinitions(t *testing.T) {
	d, err := feature.Parse("f.yaml", []byte("besra: 1\nzone: America/New_York\nevent: [{name: time, type: time}]\ncolumns: [{name: h, calendar: hour}, {name: d, calendar: weekday}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	g := newEngine(t, d)
	g.set(start, nil) // midnight from Monday to Tuesday in UTC
	if got := g.row(); got[0] != 20 || got[1] != 0 {
		t.Errorf("got %v, want 20 o'clock on Monday", got)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
