package outcome

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTheLastWordCounts(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			table := open(t, Options{Dir: dir})
			r := recordOf(1)
			table.Put(keyOf(1), 10, &r)
			flush(t, table)
			steps := []struct {
				position uint64
				label    Label
				before   Label
				after    Label
			}{
				{20, Fraud, Unlabelled, Fraud},
				{30, Genuine, Fraud, Genuine},
				{25, Fraud, Unlabelled, Genuine}, // came late: what was before it is not known any more
				{30, Genuine, Fraud, Genuine},    // said again
				{40, Unlabelled, Genuine, Unlabelled},
			}
			for _, s := range steps {
				before, known, err := table.Label(keyOf(1), s.position, s.label, int64(s.position))
				if !known || err != nil || before.Label != s.before || string(before.Data) != string(r.Data) {
					t.Fatalf("label at %d: before %v, known %v, error %v", s.position, before, known, err)
				}
				if got, _, err := table.Get(keyOf(1)); got.Label != s.after || err != nil {
					t.Fatalf("after %d the label is %v (%v), want %v", s.position, got.Label, err, s.after)
				}
			}
		})
	}
}

func TestALabelIsOneOfThree(t *testing.T) {
	table := open(t, Options{})
	if _, _, err := table.Label(keyOf(1), 1, labelCount, 0); err == nil {
		t.Error("a label that is none was taken")
	}
}

func TestWhatIsTooLargeIsCut(t *testing.T) {
	table := open(t, Options{})
	table.Put(keyOf(1), 1, &Record{Model: string(make([]byte, 100)), Data: make([]byte, MaxData+1), Decision: 77})
	r, ok, err := table.Get(keyOf(1))
	if !ok || err != nil || len(r.Model) != MaxModel || len(r.Data) != 0 || r.Decision != None || table.Stats().Oversized != 1 {
		t.Errorf("got %v (%v, %v), %d oversized", r, ok, err, table.Stats().Oversized)
	}
}

func TestPutAgainIsANewRecordAndMergingForgetsTheOld(t *testing.T) {
	table := open(t, Options{Dir: t.TempDir()})
	position := uint64(0)
	for round := range mergeAt {
		for n := range 20 {
			position++
			r := recordOf(n)
			r.Loss = int64(round)
			table.Put(keyOf(n), position, &r)
			if round%2 == 0 {
				r.Loss = -1
				table.Put(keyOf(n), position, &r) // the same position again changes nothing
			}
			position++
			if _, known, err := table.Label(keyOf(n), position, Fraud, 5); !known || err != nil {
				t.Fatal(known, err)
			}
		}
		table.Put(keyOf(100+round), position, &Record{Time: day0})
		if err := table.flush(); err != nil { // without waking the background
			t.Fatal(err)
		}
	}
	settle(t, table)
	s := table.Stats()
	if s.Records != 20+mergeAt || s.Merges == 0 || s.Files != 1 {
		t.Errorf("%d records in %d files after %d merges", s.Records, s.Files, s.Merges)
	}
	for n := range 20 {
		r, ok, err := table.Get(keyOf(n))
		if !ok || err != nil || r.Loss != mergeAt-1 || r.Label != Fraud {
			t.Fatalf("record %d: %v %v %v", n, r, ok, err)
		}
	}
	frauds := int64(0)
	for _, p := range table.Performance() {
		if p.Age == All {
			frauds += p.Frauds
		}
	}
	if frauds != 20 {
		t.Errorf("%d frauds counted, want 20", frauds)
	}
}

func TestMemoryIsBoundedAndTheOldestLeave(t *testing.T) {
	const bound = 1 << 20
	table := open(t, Options{Bytes: bound})
	const puts = 30_000
	for n := range puts {
		r := recordOf(n)
		table.Put(keyOf(n), 0, &r)
		if held := table.Stats().MemoryBytes; held > bound+100<<10 {
			t.Fatalf("%d bytes held after %d", held, n)
		}
	}
	s := table.Stats()
	if s.Dropped == 0 || s.Records+int64(s.Dropped) != puts || s.Records < 3000 {
		t.Errorf("%d held, %d dropped", s.Records, s.Dropped)
	}
	events := int64(0)
	for _, p := range table.Performance() {
		if p.Age == All {
			events += p.Events
		}
	}
	if events != s.Records {
		t.Errorf("the figures count %d events, want %d", events, s.Records)
	}
	for n := range puts {
		_, ok, err := table.Get(keyOf(n))
		if want := n >= int(s.Dropped); ok != want || err != nil {
			t.Fatalf("record %d: there %v, want %v (%v)", n, ok, want, err)
		}
	}
}

func TestWhatCannotWaitForTheDiskIsLeftToTheJournal(t *testing.T) {
	dir := t.TempDir()
	table := open(t, Options{Dir: dir, Bytes: 4 << 20, Part: 256})
	table.flushing.Lock() // the disk stands still
	puts := 0
	for ; table.Stats().Lost == 0; puts++ {
		r := Record{Time: day0, Data: make([]byte, MaxData)}
		table.Put(keyOf(puts), uint64(puts+1), &r)
	}
	if s := table.Stats(); s.Late == 0 || s.Waiting != 2 || s.MemoryBytes < 4<<20 || s.MemoryBytes > 5<<20 {
		t.Errorf("%+v", s)
	}
	table.flushing.Unlock()
	flush(t, table)
	for range 10 { // after the gap
		r := Record{Time: day0}
		table.Put(keyOf(puts), uint64(puts+1), &r)
		puts++
	}
	flush(t, table)
	lost := uint64(puts - 10)
	if p := table.Position(); p != lost-1 {
		t.Fatalf("position %d, want %d, before the record that was not taken", p, lost-1)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	table = open(t, Options{Dir: dir})
	for n := int(table.Position()); n < puts; n++ {
		r := Record{Time: day0}
		table.Put(keyOf(n), uint64(n+1), &r)
	}
	if s := table.Stats(); s.Records != int64(puts) {
		t.Errorf("%d records, want %d", s.Records, puts)
	}
}

func TestEarlyLabelsAreBounded(t *testing.T) {
	table := open(t, Options{Early: 10})
	for n := range 999 {
		for range 2 {
			if _, known, err := table.Label(keyOf(n), uint64(n+1), Fraud, int64(n)); known || err != nil {
				t.Fatal(known, err)
			}
		}
		if n%3 == 0 {
			if l, at, had := table.Put(keyOf(n), uint64(n+1), &Record{}); l != Fraud || at != int64(n) || !had {
				t.Fatal(l, at, had)
			}
		}
	}
	all := table.Early()
	s := table.Stats()
	if len(all) != 10 || s.Early != 10 || s.EarlyDropped != 666-10 || all[9].Key != keyOf(998) || len(table.early.order) > 40 {
		t.Errorf("%d kept, %d dropped, %d in order", len(all), s.EarlyDropped, len(table.early.order))
	}
	other := open(t, Options{Early: 10})
	other.RestoreEarly(all)
	if diff := cmp.Diff(all, other.Early()); diff != "" {
		t.Error(diff)
	}
}

func TestOldFilesAreDroppedWithTheirFigures(t *testing.T) {
	table := open(t, Options{
		Dir: t.TempDir(), Retain: 10 * 24 * time.Hour, Now: func() time.Time { return time.UnixMilli(day0 + 40*dayMillis) },
	})
	for d := range 30 {
		for n := range 10 {
			r := Record{Time: day0 + int64(d)*dayMillis, Model: "fraud", Version: 1}
			if d == 3 && n == 0 {
				r.Time = math.MaxInt64 // the clock of a client
			}
			table.Put(keyOf(d*100+n), uint64(d*100+n+1), &r)
		}
		flush(t, table)
	}
	settle(t, table)
	s := table.Stats()
	if s.Expired == 0 || s.Records+int64(s.Expired) != 300 {
		t.Fatalf("%d held, %d expired", s.Records, s.Expired)
	}
	for d := 20; d < 30; d++ {
		if _, ok, err := table.Get(keyOf(d * 100)); !ok || err != nil {
			t.Errorf("day %d is gone (%v)", d, err)
		}
	}
	if p := table.Performance(); p[All].Events != s.Records || p[Week].Events != 70 {
		t.Errorf("the figures count %d and %d in a week; %d are held", p[All].Events, p[Week].Events, s.Records)
	}
}

func TestManyAtOnce(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "on disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			table := open(t, Options{Dir: dir, Part: 200})
			var all sync.WaitGroup
			const workers, each = 4, 2000
			for w := range workers {
				all.Go(func() {
					for i := range each {
						n := w*each + i
						r := recordOf(n)
						table.Put(keyOf(n), uint64(n+1), &r)
						if i >= 300 { // one that is on disk, or about to be
							if _, known, err := table.Label(keyOf(n-300), uint64(n+1), Fraud, 1); !known || err != nil {
								t.Errorf("record %d: known %v (%v)", n-300, known, err)
							}
						}
						if got, ok, err := table.Get(keyOf(n)); !ok || err != nil || got.Score != r.Score {
							t.Errorf("record %d: there %v (%v)", n, ok, err)
						}
					}
				})
			}
			all.Go(func() {
				for range 5 {
					flush(t, table)
					table.Performance()
					if _, err := table.Forget(func(r *Record) bool { return r.Time < 0 }); err != nil {
						t.Error(err)
					}
				}
			})
			all.Wait()
			if dir != "" {
				settle(t, table)
			}
			frauds := int64(0)
			for _, p := range table.Performance() {
				if p.Age == All {
					frauds += p.Frauds
				}
			}
			if frauds != workers*(each-300) {
				t.Errorf("%d frauds, want %d", frauds, workers*(each-300))
			}
			for n := range workers * each {
				want := Unlabelled
				if n%each < each-300 {
					want = Fraud
				}
				if r, ok, err := table.Get(keyOf(n)); !ok || err != nil || r.Label != want {
					t.Fatalf("record %d: %v %v %v", n, r.Label, ok, err)
				}
			}
		})
	}
}

func TestLabelsThatComeDuringARewritingAreKept(t *testing.T) {
	table := open(t, Options{Dir: t.TempDir()})
	const count = 3 * scanSlots
	for n := range count {
		r := Record{Time: day0, Model: "fraud", Decision: Decline, Loss: 100}
		table.Put(keyOf(n), uint64(n+1), &r)
	}
	flush(t, table)
	position, seen := uint64(count), 0
	dropped := map[Key]bool{}
	keep := func(s *stored) bool { // labels all while one is looked at in the middle
		if seen++; seen == count/2 {
			for n := range count {
				position++
				if _, known, err := table.Label(keyOf(n), position, Fraud, 7); !known || err != nil {
					t.Error(known, err)
				}
			}
		}
		if s.key[15]%2 == 0 {
			dropped[s.key] = true
		}
		return s.key[15]%2 != 0
	}
	table.work.Lock()
	n, err := table.rewrite(table.current(), keep)
	table.work.Unlock()
	if err != nil || int(n) != len(dropped) {
		t.Fatal(n, err)
	}
	for n := range count {
		r, ok, err := table.Get(keyOf(n))
		if err != nil || ok == dropped[keyOf(n)] || ok && r.Label != Fraud {
			t.Fatalf("record %d: %v %v %v", n, r, ok, err)
		}
	}
	want := int64(count - len(dropped))
	if p := table.Performance()[All]; p.Events != want || p.Caught != want || p.CaughtLoss != 100*want {
		t.Errorf("got %+v, want %d caught", p, want)
	}
}

func TestAFailingDiskIsToldAndTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outcomes")
	table := open(t, Options{Dir: dir})
	r := recordOf(1)
	table.Put(keyOf(1), 1, &r)
	if err := os.Rename(dir, dir+" away"); err != nil {
		t.Fatal(err)
	}
	if err := table.Flush(); err == nil || table.Position() != 0 {
		t.Fatalf("flushed into nothing: %v, position %d", err, table.Position())
	}
	if got, ok, err := table.Get(keyOf(1)); !ok || err != nil || got.Score != r.Score {
		t.Errorf("the record is not there while it waits: %v %v", ok, err)
	}
	if err := os.Rename(dir+" away", dir); err != nil {
		t.Fatal(err)
	}
	flush(t, table)
	if table.Position() != 1 || table.Stats().Files != 1 {
		t.Errorf("position %d after the disk works again", table.Position())
	}
}

func TestAClosedTableSaysSo(t *testing.T) {
	table := open(t, Options{Dir: t.TempDir()})
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	table.Put(keyOf(1), 1, &Record{})
	_, _, err1 := table.Get(keyOf(1))
	_, _, err2 := table.Label(keyOf(1), 2, Fraud, 0)
	_, err3 := table.Forget(func(*Record) bool { return true })
	for _, err := range []error{err1, err2, err3, table.Flush()} {
		if !cmp.Equal(err, ErrClosed, cmpopts.EquateErrors()) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOnlyNeighboursOfLikeSizeAreMerged(t *testing.T) {
	files := func(counts ...int64) (all []*file) {
		for _, n := range counts {
			all = append(all, &file{header: header{count: n}})
		}
		return all
	}
	for _, x := range []struct {
		counts []int64
		merged int
	}{
		{[]int64{5, 5, 5, 5, 5, 5, 5}, 0},
		{[]int64{5, 5, 5, 5, 5, 5, 5, 5}, 8},
		{[]int64{500, 5, 5, 5, 5, 5, 5, 5, 5}, 8},
		{[]int64{5, 5, 5, 5, 500, 5, 5, 5, 5}, 0},
		{[]int64{500, 500, 5, 500, 5, 500, 5, 5, 5}, 9},
		{[]int64{600, 600, 600, 600, 600, 600, 600, 5}, 8},
		{[]int64{60000, 60000, 600, 600, 600, 600, 600, 600, 5}, 0},
	} {
		if got := len(pick(files(x.counts...))); got != x.merged {
			t.Errorf("%v: %d are merged, want %d", x.counts, got, x.merged)
		}
	}
}

func TestFiguresByAge(t *testing.T) {
	table := open(t, Options{})
	put := func(n int, day int64, decision uint8, l Label) {
		table.Put(keyOf(n), 0, &Record{Time: day0 + day*dayMillis + 5, Model: "fraud", Version: 2, Decision: decision, Loss: 10})
		if _, known, err := table.Label(keyOf(n), 0, l, 0); !known || err != nil {
			t.Fatal(known, err)
		}
	}
	put(0, 100, Decline, Fraud)
	put(1, 100, Review, Genuine)
	put(2, 99, Approve, Fraud)
	put(3, 94, None, Genuine)
	put(4, 93, Review, Unlabelled)
	put(5, 50, Review, Fraud)
	put(6, 5, Approve, Genuine)
	nan := math.NaN()
	want := []Performance{
		{"fraud", 2, Week, 4, 4, 2, 2, 1, 10, 1, 10, 1, 1, 0.5, 0.5},
		{"fraud", 2, Month, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, nan, nan},
		{"fraud", 2, Quarter, 1, 1, 1, 1, 1, 10, 0, 0, 0, 1, 1, 1},
		{"fraud", 2, All, 7, 6, 3, 4, 2, 20, 1, 10, 1, 6.0 / 7, 2.0 / 3, 2.0 / 3},
	}
	if diff := cmp.Diff(want, table.Performance(), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestStrayDaysDoNotMoveTheNewest(t *testing.T) {
	l := newLedger(500, func() int64 { return math.MaxInt64 })
	count := func(day int64, n int) {
		for range n {
			l.add(&fact{time: day * dayMillis, model: []byte("m")}, Unlabelled)
		}
	}
	for d := range int64(20) {
		count(d, 1000)
	}
	count(20, 15) // today has just begun
	for d := range int64(1000) {
		count(100_000+d*d, 1)
	}
	if day, ok := l.newest(); day != 20 || !ok {
		t.Errorf("the newest day is %d", day)
	}
	if len(l.cohorts) > 500 || l.gone == 0 {
		t.Errorf("%d cohorts, %d gone", len(l.cohorts), l.gone)
	}
	for d := range int64(21) {
		if l.cohorts[cohort{"m", 0, d}] == nil {
			t.Errorf("day %d left before stray days", d)
		}
	}
}

func TestSumsDoNotPassTheEnd(t *testing.T) {
	if saturated(math.MaxInt64, 1) != math.MaxInt64 || saturated(math.MinInt64, -1) != math.MinInt64 || saturated(-3, 5) != 2 {
		t.Error("a sum went round")
	}
}

func TestTimesAtBothEndsAreDays(t *testing.T) {
	table := open(t, Options{Dir: t.TempDir()})
	for n, ms := range []int64{math.MinInt64, math.MaxInt64, 0, -1} {
		table.Put(keyOf(n), uint64(n+1), &Record{Time: ms})
	}
	flush(t, table)
	settle(t, table)
	if p := table.Performance(); p[All].Events != table.Stats().Records || !slices.Equal([]int64{dayOf(-1), dayOf(0)}, []int64{-1, 0}) {
		t.Errorf("%d events, %d records", p[All].Events, table.Stats().Records)
	}
}
