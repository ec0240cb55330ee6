package simulate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// small is the handbook's world at a tenth of its size, for two months.
func small() Options {
	o := Defaults()
	o.Cards, o.Terminals, o.Days, o.Radius = 500, 1_000, 60, 16
	return o
}

// A record is one line as a reader sees it.
type record struct {
	id, card, terminal int
	time               time.Time
	cents              int64
	fraud              bool
	scenario           int
}

func run(t *testing.T, o Options) ([]byte, Summary) {
	t.Helper()
	var b bytes.Buffer
	s, err := Write(t.Context(), &b, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), s
}

func parse(t *testing.T, file []byte) []record {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines[0], ",") + "\n"; got != header {
		t.Fatalf("header is %q", got)
	}
	number := func(cell, prefix string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(cell, prefix))
		if err != nil || !strings.HasPrefix(cell, prefix) {
			t.Fatalf("cell %q is not %s and a number", cell, prefix)
		}
		return n
	}
	instant := func(cell string) time.Time {
		v, err := time.Parse(time.RFC3339, cell)
		if err != nil || !strings.HasSuffix(cell, "Z") {
			t.Fatalf("time %q is not RFC 3339 in UTC: %v", cell, err)
		}
		return v
	}
	records := make([]record, 0, len(lines))
	for _, l := range lines[1:] {
		euros, cents, ok := strings.Cut(l[4], ".")
		if !ok || len(cents) != 2 {
			t.Fatalf("amount %q has not two decimals", l[4])
		}
		r := record{
			id: number(l[0], "evt_"), time: instant(l[1]), card: number(l[2], "c_"), terminal: number(l[3], "t_"),
			cents: int64(number(euros+cents, "")), fraud: l[5] == "fraud", scenario: number(l[7], ""),
		}
		if !r.fraud && l[5] != "genuine" {
			t.Fatalf("label is %q", l[5])
		}
		if later := instant(l[6]); !later.Equal(r.time.AddDate(0, 0, 7)) {
			t.Fatalf("label of %v is known at %v, not seven days later", r.time, later)
		}
		records = append(records, r)
	}
	return records
}

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	file, _ := run(t, small())
	digest := sha256.Sum256(file)
	// A new digest here means that everybody's simulated data, and the demo model with it, changes.
	const want = "0c5f372ceca0c36e22122fa17247f60594e649531a5067e504ba9472d4d01128"
	if got := hex.EncodeToString(digest[:]); got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}

	t.Run("on one processor too", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if again, _ := run(t, small()); !bytes.Equal(again, file) {
			t.Error("bytes differ")
		}
	})
	t.Run("and another seed gives others", func(t *testing.T) {
		o := small()
		o.Seed = 1
		if other, _ := run(t, o); bytes.Equal(other, file) {
			t.Error("bytes are the same")
		}
	})
	t.Run("and fewer days are a beginning, but for raids that look ahead", func(t *testing.T) {
		long, short := small(), small()
		long.HitCards, short.HitCards, short.Days = 0, 0, 30
		whole, _ := run(t, long)
		if beginning, _ := run(t, short); !bytes.HasPrefix(whole, beginning) {
			t.Error("30 days are not the first 30 of 60")
		}
	})
}

func TestTheDefaultsComeNearTheHandbook(t *testing.T) {
	s, err := Write(t.Context(), io.Discard, Defaults(), nil)
	if err != nil {
		t.Fatal(err)
	}
	near := func(name string, got int, handbook, tolerance float64) {
		if math.Abs(float64(got)/handbook-1) > tolerance {
			t.Errorf("%s: %d, handbook %v", name, got, handbook)
		}
	}
	near("payments", s.Payments, 1_754_155, 0.03)
	near("frauds", s.Frauds, 14_681, 0.06)
	near("scenario 1", s.Scenarios[1], 973, 0.25)
	near("scenario 2", s.Scenarios[2], 9_077, 0.08)
	near("scenario 3", s.Scenarios[3], 4_631, 0.10)
	near("cards", s.Cards, 4_990, 0.002)
	if share := s.FraudShare(); math.Abs(share-0.00837) > 0.0004 {
		t.Errorf("fraud share is %.5f, handbook 0.00837", share)
	}
}

func TestTheFile(t *testing.T) {
	file, summary := run(t, small())
	records := parse(t, file)

	t.Run("is what the summary says", func(t *testing.T) {
		var got Summary
		cards := map[int]bool{}
		for _, r := range records {
			got.Payments++
			got.Scenarios[r.scenario]++
			if r.fraud {
				got.Frauds++
			}
			cards[r.card] = true
		}
		got.Cards = len(cards)
		if diff := gocmp.Diff(got, summary); diff != "" {
			t.Errorf("counted, summary:\n%s", diff)
		}
	})
	t.Run("is sorted by time, then card, and numbered in that order", func(t *testing.T) {
		if !slices.IsSortedFunc(records, func(a, b record) int {
			return cmp.Or(a.time.Compare(b.time), a.card-b.card)
		}) {
			t.Error("not sorted")
		}
		for i, r := range records {
			if r.id != i {
				t.Fatalf("payment %d is evt_%d", i, r.id)
			}
		}
	})
	t.Run("calls fraud what has a scenario, and everything above 220", func(t *testing.T) {
		for _, r := range records {
			if r.fraud != (r.scenario > 0) {
				t.Fatalf("fraud is %v, scenario %d: %+v", r.fraud, r.scenario, r)
			}
			if r.cents > 220_00 && !r.fraud {
				t.Fatalf("big and genuine: %+v", r)
			}
			if r.scenario == 1 && r.cents <= 220_00 {
				t.Fatalf("scenario 1 of a small amount: %+v", r)
			}
		}
	})
	t.Run("stays within its days, cards and terminals", func(t *testing.T) {
		o := small()
		end := o.Start.AddDate(0, 0, o.Days)
		for _, r := range records {
			if r.time.Before(o.Start) || !r.time.Before(end) || r.card >= o.Cards || r.terminal >= o.Terminals || r.cents < 0 {
				t.Fatalf("outside: %+v", r)
			}
		}
	})
}

func TestDistributions(t *testing.T) {
	o := Defaults()
	o.Days, o.HitCards = 30, 0
	file, _ := run(t, o)
	records := parse(t, file)
	n := float64(len(records))

	var seconds, squares, cents, night float64
	perCardDay := map[[2]int]int{}
	for _, r := range records {
		s := r.time.Sub(r.time.Truncate(24 * time.Hour)).Seconds()
		seconds += s
		squares += s * s
		cents += float64(r.cents)
		if r.time.Hour() < 6 {
			night++
		}
		perCardDay[[2]int{r.card, r.time.YearDay()}]++
	}
	// A normal of deviation 20,000, cut at both ends of the day: 2.16 deviations from its mean.
	phi := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	z := 2.16
	kept := phi(z) - phi(-z)
	density := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	deviation := 20_000 * math.Sqrt(1-2*z*density/kept)
	beforeSix := (phi((6*3600-43_200)/20_000.0) - phi(-z)) / kept

	expect := func(what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got/want-1) > tolerance {
			t.Errorf("%s is %.4f, want %.4f", what, got, want)
		}
	}
	mean := seconds / n
	expect("mean time of day", mean, 43_200, 0.005)
	expect("deviation of the time of day", math.Sqrt(squares/n-mean*mean), deviation, 0.01)
	expect("share before six o'clock", night/n, beforeSix, 0.02)
	expect("payments a card and day", n/float64(o.Cards*o.Days), 2*kept, 0.03)
	// Means are uniform from 5 to 100. Amounts below zero, two deviations off, are drawn again around the
	// same mean, which lifts it by half a deviation's density there.
	expect("mean amount", cents/n/100, 52.5*(1+0.5*math.Exp(-2)/math.Sqrt(2*math.Pi)), 0.02)
	// Days without payment of a Poisson whose mean is uniform on 0 to 4k: (1-exp(-4k)) / 4k.
	quiet := 1 - float64(len(perCardDay))/float64(o.Cards*o.Days)
	expect("share of quiet days", quiet, (1-math.Exp(-4*kept))/(4*kept), 0.05)
}

func TestReach(t *testing.T) {
	o := Defaults()
	w := newWorld(o)
	d := newDice()
	for _, id := range []int{0, 17, 4_999} {
		home := w.cards[id].home
		var within []int32 // the slow way, over all terminals
		for i, p := range w.places {
			if math.Hypot(p.x-home.x, p.y-home.y) < o.Radius {
				within = append(within, int32(i))
			}
		}
		const each = 200
		seen := map[int32]int{}
		for range each * len(within) {
			seen[w.reach(d, home)]++
		}
		var chi2 float64
		for _, i := range within {
			off := float64(seen[i] - each)
			chi2 += off * off / each
			delete(seen, i)
		}
		if len(seen) > 0 {
			t.Errorf("card %d pays beyond its reach, at %v", id, seen)
		}
		if free := float64(len(within) - 1); chi2 > free+5*math.Sqrt(2*free) {
			t.Errorf("card %d does not pay everywhere alike: chi² %.0f at %v degrees of freedom", id, chi2, free)
		}
	}
}

func TestTerminalsStayCompromisedFor28Days(t *testing.T) {
	o := small()
	o.HitCards = 0
	w := newWorld(o)
	c := newCrime(o, w)
	hits := map[int32][]int{} // days on which each terminal was hit
	var today day
	for n := range o.Days {
		if err := today.simulate(t.Context(), w, n); err != nil {
			t.Fatal(err)
		}
		c.strike(&today)
		fresh := 0
		for id, until := range c.until {
			if until == int32(n+28) {
				hits[int32(id)] = append(hits[int32(id)], n)
				fresh++
			}
		}
		if fresh != 2 {
			t.Fatalf("day %d: %d terminals hit", n, fresh)
		}
		for _, p := range today.inOrder() {
			want := slices.ContainsFunc(hits[p.terminal], func(hit int) bool { return hit <= n && n < hit+28 })
			if got := p.scenario == hitTerminal; got != want {
				t.Fatalf("day %d, hits on %v: scenario of %+v", n, hits[p.terminal], p)
			}
		}
	}
}

func TestCardsLoseAThirdOfTheirPaymentsIn14Days(t *testing.T) {
	o, clean := small(), small()
	clean.HitCards = 0
	file, _ := run(t, o)
	plain, _ := run(t, clean)
	after, before := parse(t, file), parse(t, plain)
	if len(after) != len(before) {
		t.Fatalf("%d payments with raids, %d without", len(after), len(before))
	}

	strikes := 0
	for i, r := range after {
		factor := int64(1)
		for ; r.cents > before[i].cents*factor; factor *= 5 {
			strikes++
		}
		if r.cents != before[i].cents*factor || (r.scenario == 3) != (factor > 1) && r.cents != 0 {
			t.Fatalf("%+v was %+v", r, before[i])
		}
	}

	want := 0
	d := newDice()
	for n := range o.Days {
		d.set(o.Seed, forHitCards, 0, n)
		cards := d.sample(3, o.Cards)
		payments := 0
		for _, r := range before {
			day := int(r.time.Sub(o.Start).Hours()) / 24
			if n <= day && day < n+14 && slices.Contains(cards, int32(r.card)) {
				payments++
			}
		}
		want += payments / 3
	}
	if strikes != want {
		t.Errorf("%d amounts taken times five, want %d", strikes, want)
	}
}

func TestSample(t *testing.T) {
	d := newDice()
	for n := range 20 {
		for k := range n + 1 {
			got := d.sample(k, n)
			slices.Sort(got)
			if len(slices.Compact(got)) != k || k > 0 && (got[0] < 0 || int(got[k-1]) >= n) {
				t.Fatalf("%d of %d: %v", k, n, got)
			}
		}
	}
}

func TestSmallAndOddWorlds(t *testing.T) {
	odd := func(change func(*Options)) Options {
		o := small()
		o.HitTerminals, o.HitCards = 0, 0
		change(&o)
		return o
	}
	t.Run("one card and one terminal", func(t *testing.T) {
		o := odd(func(o *Options) { o.Cards, o.Terminals, o.Radius = 1, 1, 150 })
		o.HitTerminals, o.HitCards = 1, 1
		_, s := run(t, o)
		if s.Payments == 0 || s.Frauds != s.Payments {
			t.Errorf("the only terminal is compromised every day: %+v", s)
		}
	})
	t.Run("terminals out of everybody's reach", func(t *testing.T) {
		file, s := run(t, odd(func(o *Options) { o.Radius = 1e-9 }))
		if s != (Summary{}) || string(file) != header {
			t.Errorf("%+v, %q", s, file)
		}
	})
	t.Run("terminals all over in reach", func(t *testing.T) {
		_, s := run(t, odd(func(o *Options) { o.Radius = 150 }))
		if s.Cards < 490 {
			t.Errorf("only %d cards paid", s.Cards)
		}
	})
	t.Run("a start in another time zone", func(t *testing.T) {
		plain, _ := run(t, odd(func(*Options) {}))
		zoned, _ := run(t, odd(func(o *Options) { o.Start = o.Start.In(time.FixedZone("", 3600)) }))
		if !bytes.Equal(plain, zoned) {
			t.Error("bytes differ")
		}
	})
}

func TestBadOptionsAreRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { *o = Options{} }, "simulate: cards is 0, not in 1 to 1000000"},
		{func(o *Options) { o.Cards = 1_000_001 }, "simulate: cards is 1000001, not in 1 to 1000000"},
		{func(o *Options) { o.Terminals = -1 }, "simulate: terminals is -1, not in 1 to 1000000"},
		{func(o *Options) { o.Days = 0 }, "simulate: days is 0, not in 1 to 3660"},
		{func(o *Options) { o.Start = time.Time{} }, "simulate: start year is 1, not in 1970 to 9000"},
		{func(o *Options) { o.Start = o.Start.Add(time.Second) }, "simulate: start is 2018-04-01T00:00:01Z, not midnight UTC"},
		{func(o *Options) { o.Radius = math.NaN() }, "simulate: radius is NaN, not above 0 and at most 150"},
		{func(o *Options) { o.Radius = 0 }, "simulate: radius is 0, not above 0 and at most 150"},
		{func(o *Options) { o.Radius = math.Inf(1) }, "simulate: radius is +Inf, not above 0 and at most 150"},
		{func(o *Options) { o.HitTerminals = -1 }, "simulate: hit terminals is -1, not in 0 to 1000"},
		{func(o *Options) { o.HitCards = 501 }, "simulate: hit cards is 501, not in 0 to 500"},
	} {
		t.Run(c.want, func(t *testing.T) {
			o := small()
			c.change(&o)
			var b bytes.Buffer
			_, err := Write(t.Context(), &b, o, nil)
			if err == nil || err.Error() != c.want {
				t.Errorf("error is %v", err)
			}
			if b.Len() > 0 {
				t.Errorf("wrote %d bytes", b.Len())
			}
		})
	}
}

func TestACancelledRunEndsWithAWholeLine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var b bytes.Buffer
	var calls []int
	s, err := Write(ctx, &b, small(), func(done, total int) {
		calls = append(calls, done, total)
		if done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if diff := gocmp.Diff([]int{1, 60, 2, 60}, calls); diff != "" {
		t.Errorf("progress:\n%s", diff)
	}
	if got := len(parse(t, b.Bytes())); got != s.Payments || got == 0 {
		t.Errorf("%d payments in the file, %d in the summary", got, s.Payments)
	}
}

func TestEachHandsOutWhatWriteWrites(t *testing.T) {
	file, _ := run(t, small())
	want := parse(t, file)
	n := 0
	err := Each(t.Context(), small(), func(p Payment) error {
		got := record{
			id: p.Number, card: p.Card, terminal: p.Terminal, time: time.Unix(p.Time, 0).UTC(),
			cents: p.Cents, fraud: p.Scenario != 0, scenario: p.Scenario,
		}
		if n >= len(want) || got != want[n] {
			t.Fatalf("payment %d is %+v", n, got)
		}
		n++
		return nil
	})
	if err != nil || n != len(want) {
		t.Errorf("%d payments of %d, error %v", n, len(want), err)
	}

	t.Run("until it is told to stop", func(t *testing.T) {
		enough, n := errors.New("enough"), 0
		err := Each(t.Context(), small(), func(Payment) error {
			if n++; n == 3 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) || n != 3 {
			t.Errorf("%d payments, error %v", n, err)
		}
	})
	t.Run("and nothing of what makes no sense", func(t *testing.T) {
		err := Each(t.Context(), Options{}, func(Payment) error { return nil })
		if err == nil || err.Error() != "simulate: cards is 0, not in 1 to 1000000" {
			t.Errorf("error is %v", err)
		}
	})
}

type fullDisk struct{ room int }

var errFull = errors.New("disk is full")

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAFailingWriterIsReported(t *testing.T) {
	for _, room := range []int{0, 1 << 20} {
		if _, err := Write(t.Context(), &fullDisk{room}, small(), nil); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: error is %v", room, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	var payments int
	for b.Loop() {
		s, err := Write(b.Context(), io.Discard, Defaults(), nil)
		if err != nil {
			b.Fatal(err)
		}
		payments += s.Payments
	}
	b.ReportMetric(float64(payments)/b.Elapsed().Seconds(), "payments/s")
}
