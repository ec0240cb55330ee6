package scaling

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	t.Run("a full one gives its depth, and then its rate", func(t *testing.T) {
		b := Bucket{Rate: 10_000, Depth: 5000}
		given := 0
		for now := time.Duration(0); now < 10*time.Second; now += 50 * time.Microsecond { // 20,000 a second
			if b.Take(now) {
				given++
			}
		}
		if want := 5000 + 100_000; given < want-1 || given > want {
			t.Errorf("%d, want %d", given, want)
		}
	})
	t.Run("what is not taken is not saved beyond the depth", func(t *testing.T) {
		b := Bucket{Rate: 10, Depth: 3}
		for range 3 {
			if !b.Take(0) {
				t.Fatal("it was not full")
			}
		}
		if got := b.Level(time.Hour); got != 3 {
			t.Errorf("an hour later it holds %v", got)
		}
	})
	t.Run("time that stands still gives nothing, and time that goes back takes nothing", func(t *testing.T) {
		b := Bucket{Rate: 1, Depth: 1}
		if !b.Take(time.Second) || b.Take(time.Second) || b.Take(0) || b.Take(time.Second) {
			t.Error("a token was given twice")
		}
		if !b.Take(2 * time.Second) {
			t.Error("a second later there is none")
		}
	})
	t.Run("one without depth gives nothing", func(t *testing.T) {
		b := Bucket{Rate: 1000}
		if b.Take(time.Hour) {
			t.Error("it gave")
		}
	})
}
