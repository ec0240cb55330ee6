package drift

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/pipeline"
)

// begun is when every watch of these tests begins.
var begun = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// A world is where rows of three features come from: an amount, a flag and a history that may be missing.
type world struct{ *rand.Rand }

func newWorld(seed uint64) world { return world{rand.New(rand.NewPCG(seed, 1))} }

var worldColumns = []besra.Column{{Name: "amount"}, {Name: "night"}, {Name: "mean"}}

func (w world) row() (row []float64, score float64) {
	row = []float64{math.Round(w.ExpFloat64()*5000)/100 + .01, float64(w.IntN(10) / 8), math.NaN()}
	if w.IntN(5) > 0 {
		row[2] = 20 + 5*w.NormFloat64()
	}
	return row, 1 / (1 + math.Exp(4-w.NormFloat64()))
}

func (w world) rows(n int) (rows, scores []float64) {
	for range n {
		row, score := w.row()
		rows, scores = append(rows, row...), append(scores, score)
	}
	return rows, scores
}

func (w world) reference(n int) *Reference {
	rows, scores := w.rows(n)
	return Make(worldColumns, rows, scores)
}

func (w world) count(to *Watch, n int, change func(row []float64, score *float64)) {
	for range n {
		row, score := w.row()
		if change != nil {
			change(row, &score)
		}
		to.Count(row, score)
	}
}

func verdicts(r Report) [4]Verdict {
	return [4]Verdict{r.Score.Verdict, r.Features[0].Verdict, r.Features[1].Verdict, r.Features[2].Verdict}
}

func TestAWatchTellsWhatHasChanged(t *testing.T) {
	w := newWorld(1)
	reference := w.reference(50_000)
	for name, c := range map[string]struct {
		change func(row []float64, score *float64)
		want   [4]Verdict
	}{
		"nothing":           {nil, [4]Verdict{Steady, Steady, Steady, Steady}},
		"amounts":           {func(row []float64, _ *float64) { row[0] *= 2.5 }, [4]Verdict{Steady, Drifted, Steady, Steady}},
		"amounts, slightly": {func(row []float64, _ *float64) { row[0] *= 1.5 }, [4]Verdict{Steady, Warn, Steady, Steady}},
		"a flag":            {func(row []float64, _ *float64) { row[1] = 1 }, [4]Verdict{Steady, Steady, Drifted, Steady}},
		"a history is zero": {func(row []float64, _ *float64) { row[2] = 0 }, [4]Verdict{Steady, Steady, Steady, Drifted}},
		"a history is gone": {func(row []float64, _ *float64) { row[2] = math.NaN() }, [4]Verdict{Steady, Steady, Steady, Drifted}},
		"scores":            {func(_ []float64, score *float64) { *score = math.Sqrt(*score) }, [4]Verdict{Drifted, Steady, Steady, Steady}},
	} {
		t.Run(name, func(t *testing.T) {
			watch := reference.Watch(begun, Options{Rate: 10_000})
			w.count(watch, 3000, c.change)
			r := watch.Report()
			if r.Rows != 3000 || r.ReferenceRows != 50_000 || r.Window != time.Hour {
				t.Errorf("%+v", r)
			}
			if verdicts(r) != c.want {
				t.Errorf("got %v, want %v: %+v", verdicts(r), c.want, r)
			}
		})
	}
}

func TestThereIsNoVerdictOfAFewRows(t *testing.T) {
	w := newWorld(2)
	shifted := func(row []float64, score *float64) { row[0], *score = 0, 1 }
	watch := w.reference(50_000).Watch(begun, Options{Rate: 10_000})
	w.count(watch, MinRows-1, shifted)
	if r := watch.Report(); verdicts(r) != [4]Verdict{} || r.Score.PSI == r.Score.PSI || r.Features[0].PSI == r.Features[0].PSI {
		t.Errorf("%+v", r)
	}
	w.count(watch, 1, shifted)
	if r := watch.Report(); verdicts(r) != [4]Verdict{Drifted, Drifted, Steady, Steady} {
		t.Errorf("%+v", r)
	}

	watch = w.reference(MinRows-1).Watch(begun, Options{Rate: 10_000})
	w.count(watch, 5000, shifted)
	if r := watch.Report(); verdicts(r) != [4]Verdict{} {
		t.Errorf("against a small reference: %+v", r)
	}
}

func TestTheWindowSlides(t *testing.T) {
	w := newWorld(3)
	watch := w.reference(50_000).Watch(begun, Options{Window: 12 * time.Minute, Rate: 10_000})
	at := begun
	turn := func(after time.Duration) {
		at = at.Add(after)
		watch.Turn(at, 0)
	}
	w.count(watch, 2000, func(row []float64, _ *float64) { row[0] = 0 })
	for minute := range 11 {
		turn(time.Minute)
		w.count(watch, 100, nil)
		if r := watch.Report(); r.Rows != 2000+100*(minute+1) || r.Features[0].Verdict != Drifted {
			t.Fatalf("minute %d: %+v", minute, r)
		}
	}
	turn(time.Minute) // the shifted rows are older than the window now
	w.count(watch, 100, nil)
	if r := watch.Report(); r.Rows != 1200 || r.Features[0].Verdict != Steady {
		t.Errorf("%+v", r)
	}
	turn(59 * time.Second)
	if r := watch.Report(); r.Rows != 1200 {
		t.Errorf("%+v", r)
	}
	turn(time.Second)
	if r := watch.Report(); r.Rows != 1100 {
		t.Errorf("%+v", r)
	}
	turn(5 * time.Minute)
	if r := watch.Report(); r.Rows != 600 {
		t.Errorf("%+v", r)
	}
	turn(24 * time.Hour)
	if r := watch.Report(); r.Rows != 0 || r.Score.Verdict != None {
		t.Errorf("a day later: %+v", r)
	}
	w.count(watch, 100, nil)
	turn(11 * time.Minute)
	if r := watch.Report(); r.Rows != 100 {
		t.Errorf("it goes on: %+v", r)
	}
}

func TestManyRowsAreSampled(t *testing.T) {
	w := newWorld(4)
	rows := newWorld(40)
	watch := w.reference(50_000).Watch(begun, Options{Rate: 300, Rand: rows.Uint64})
	at, seen := begun, uint64(0)
	second := func(n int) (counted int) {
		before := watch.Report().Rows
		w.count(watch, n, nil)
		seen += uint64(n)
		counted = watch.Report().Rows - before
		at = at.Add(time.Second)
		watch.Turn(at, seen)
		return counted
	}
	if n := second(200); n != 200 {
		t.Errorf("%d of 200 are counted", n)
	}
	if n := second(5000); n != 600 {
		t.Errorf("in the first second of a rush %d are counted, want what is bearable", n)
	}
	total := 0
	for range 20 {
		total += second(5000)
	}
	if total < 20*270 || total > 20*330 {
		t.Errorf("%d of 100000 are counted, want 300 a second", total)
	}
	second(100)
	if n := second(100); n != 100 {
		t.Errorf("when it is over %d of 100 are counted", n)
	}
	if r := watch.Report(); verdicts(r) != [4]Verdict{Steady, Steady, Steady, Steady} {
		t.Errorf("%+v", r)
	}
	watch.Turn(at.Add(time.Second), 0) // it was counted anew
	if n := second(50); n != 50 {
		t.Errorf("%d of 50", n)
	}
}

func TestAFeatureOfTheCalendarIsJudgedByAWeek(t *testing.T) {
	for window, want := range map[time.Duration]Verdict{time.Hour: None, 6 * 24 * time.Hour: None, week: Drifted} {
		w := newWorld(5)
		reference := w.reference(5000)
		reference.Features[1].Calendar = true
		watch := reference.Watch(begun, Options{Window: window, Rate: 10_000})
		w.count(watch, 2000, func(row []float64, _ *float64) { row[1] = 1 })
		r := watch.Report()
		if f := r.Features[1]; f.Verdict != want || f.Name != "night" || (f.PSI == f.PSI) != (want != None) {
			t.Errorf("%v: %+v, want %v", window, f, want)
		}
		if r.Features[0].Verdict != Steady {
			t.Errorf("%v: %+v", window, r)
		}
	}
}

func TestSharesByBin(t *testing.T) {
	w := newWorld(6)
	watch := w.reference(5000).Watch(begun, Options{})
	empty := watch.Feature("night")
	if len(empty) != 5 || empty[1].Live == empty[1].Live {
		t.Errorf("%+v", empty)
	}
	for i := range 100 {
		watch.Count([]float64{1, float64(i % 4), math.NaN()}, .5)
	}
	night := watch.Feature("night")
	var words []string
	var was, is float64
	for _, b := range night {
		words = append(words, b.String())
		was, is = was+b.Reference, is+b.Live
	}
	if math.Abs(was-1) > 1e-9 || math.Abs(is-1) > 1e-9 {
		t.Errorf("%v and %v", was, is)
	}
	want := []string{"missing", "0", "below 0.999", "0.999 to 1.001", "from 1.001"}
	for i, word := range words {
		if word != want[i] {
			t.Errorf("bins %q, want %q", words, want)
			break
		}
	}
	if night[1].Live != .25 || night[3].Live != .25 || night[4].Live != .5 || night[1].Reference < .7 {
		t.Errorf("%+v", night)
	}
	if mean := watch.Feature("mean"); mean[0].Kind != Missing || mean[0].Live != 1 {
		t.Errorf("%+v", mean)
	}
	if score := watch.Score(); len(score) < 10 {
		t.Errorf("%+v", score)
	}
	if watch.Feature("nothing") != nil {
		t.Error("a feature that is not there")
	}
	none := Make(worldColumns, []float64{1, 2, 3}, nil).Watch(begun, Options{})
	none.Count([]float64{1, 2, 3}, math.NaN())
	if r := none.Report(); none.Score() != nil || r.Rows != 1 || r.Score.Verdict != None {
		t.Errorf("without scores: %+v", r)
	}
}

// Between 0.7 as a float32 and the next one lies 0.7 itself.
func TestAWatchSeesNumbersAsTheModelDoes(t *testing.T) {
	low := float64(float32(0.7))
	r := Make(worldColumns[:1], []float64{low, low, float64(math.Nextafter32(0.7, 1))}, nil)
	for narrow, want := range map[bool]int{true: r.Features[0].Bin(low), false: r.Features[0].Bin(low) + 1} {
		r.Narrow = narrow
		watch := r.Watch(begun, Options{})
		watch.Count([]float64{0.7}, 0)
		if got := watch.Feature("amount")[want]; got.Live != 1 {
			t.Errorf("narrow %t: %+v", narrow, watch.Feature("amount"))
		}
	}
}

// A number that stands for missing is missing, wherever a row comes from.
func TestAWatchKnowsWhatStandsForMissing(t *testing.T) {
	r := Make(worldColumns[:1], []float64{math.NaN(), 1, 2, 3}, nil)
	missing := -1.0
	r.Missing = &missing
	watch := r.Watch(begun, Options{})
	watch.Count([]float64{-1}, 0)
	if got := watch.Feature("amount")[r.Features[0].Bin(math.NaN())]; got.Live != 1 {
		t.Errorf("%+v", watch.Feature("amount"))
	}
}

func TestNamesWithoutADictionaryAreToldApart(t *testing.T) {
	// Neighbours that are one float32, as hashes may be.
	codes := map[string]float64{"": 1<<31 + 3, "DE": 1 << 31, "VN": 1<<31 + 1, "US": 1<<31 + 2}
	columns := []besra.Column{pipeline.HashedColumn("country", func(name string) float64 { return codes[name] })}
	names := map[float64]string{codes["DE"]: "DE", codes["VN"]: "VN", codes[""]: ""}
	var rows []float64
	for range 500 {
		rows = append(rows, codes["DE"], codes["DE"], codes["VN"], codes["US"], codes[""])
	}
	made := MakeNamed(columns, rows, nil, Names{0: names})
	r, err := Parse("reference.yaml", made.Text(), columns, -1)
	if err != nil {
		t.Fatalf("%v\n%s", err, made.Text())
	}
	absent := 5.0
	r.Narrow, r.Missing = true, &absent // codes are no numbers
	if d := cmp.Diff([]Category{{"DE", codes["DE"]}, {"VN", codes["VN"]}}, r.Features[0].Categories); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]uint64{500, 500, 1000, 500}, r.Features[0].Counts); d != "" { // missing, other, DE, VN
		t.Error(d)
	}
	w := r.Watch(begun, Options{Rate: 1 << 30})
	for _, x := range rows {
		w.Count([]float64{x}, math.NaN())
	}
	for i, b := range w.Feature("country") {
		if b.Live != b.Reference {
			t.Errorf("bin %d (%s): %v, was %v", i, b.String(), b.Live, b.Reference)
		}
	}
}

func TestManyCountAtOnce(t *testing.T) {
	w := newWorld(7)
	watch := w.reference(5000).Watch(begun, Options{Rate: 1 << 20})
	const each, of = 2000, 8
	var team sync.WaitGroup
	for i := range of {
		team.Go(func() { newWorld(uint64(10+i)).count(watch, each, nil) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100 {
			watch.Turn(begun.Add(time.Duration(i)*time.Second), uint64(i))
			watch.Report()
			watch.Feature("mean")
		}
	}()
	team.Wait()
	<-done
	r := watch.Report()
	if r.Rows != each*of {
		t.Errorf("%d rows, want %d", r.Rows, each*of)
	}
	if verdicts(r) != [4]Verdict{Steady, Steady, Steady, Steady} {
		t.Errorf("%+v", r)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	w := newWorld(8)
	watch := w.reference(5000).Watch(begun, Options{Rate: 1 << 30})
	rows, scores := w.rows(2000)
	i := 0
	if n := testing.AllocsPerRun(5000, func() {
		watch.Count(rows[i*3:i*3+3], scores[i])
		i = (i + 1) % len(scores)
	}); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
	if watch.Report().Rows < 5000 {
		t.Error("nothing was counted")
	}
}

// BenchmarkCount counts rows of 15 features: each of them, and the share that is left at 20,000 a second.
func BenchmarkCount(b *testing.B) {
	const width, n = 15, 4096
	random := rand.New(rand.NewPCG(9, 9))
	columns := make([]besra.Column, width)
	rows, scores := make([]float64, n*width), make([]float64, n)
	for i := range rows {
		rows[i] = random.ExpFloat64()
	}
	for i := range scores {
		scores[i] = random.Float64()
	}
	reference := Make(columns, rows, scores)
	for name, share := range map[string]uint64{"every row": all, "one in 66": all / 66} {
		b.Run(name, func(b *testing.B) {
			watch := reference.Watch(begun, Options{})
			watch.left.Store(math.MaxInt64)
			watch.share.Store(share)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := i % n
				watch.Count(rows[k*width:(k+1)*width], scores[k])
			}
		})
	}
}
