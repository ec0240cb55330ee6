package outcome

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// An oracle is the table as a plain map, with the journal that repeats it.
type oracle struct {
	t       *testing.T
	table   *Table
	options Options
	rand    *rand.Rand
	puts    int
	records map[Key]Record
	early   map[Key]EarlyLabel
	journal []op // position is index + 1

	snapshot []EarlyLabel
	at       int // position of the snapshot
}

type op struct {
	put   bool
	key   Key
	r     Record
	label Label
	time  int64
	had   bool // or known
	early Label
}

func (o *oracle) do(x op, position int, again bool) op {
	if x.put {
		early, _, had := o.table.Put(x.key, uint64(position), &x.r)
		x.had, x.early = had, early
		return x
	}
	before, known, err := o.table.Label(x.key, uint64(position), x.label, x.time)
	if err != nil {
		o.t.Fatal(err)
	}
	x.had = known
	if want := o.records[x.key]; known && !again {
		if diff := cmp.Diff(want, before, cmpopts.EquateEmpty()); diff != "" {
			o.t.Fatalf("the record before label %d (-want +got):\n%s", position, diff)
		}
	}
	return x
}

func (o *oracle) put() {
	x := op{put: true, key: keyOf(o.puts), r: recordOf(o.puts)}
	o.puts++
	got := o.do(x, len(o.journal)+1, false)
	l, had := o.early[x.key]
	delete(o.early, x.key)
	if got.had != had || got.early != l.Label {
		o.t.Fatalf("put %d: an early label %v (%v), want %v (%v)", o.puts, got.early, got.had, l.Label, had)
	}
	x.r.Label, x.r.LabelTime = l.Label, l.Time
	o.records[x.key] = x.r
	x.r.Label, x.r.LabelTime = 0, 0
	x.had, x.early = had, l.Label
	o.journal = append(o.journal, x)
}

func (o *oracle) label(n int) {
	x := op{key: keyOf(n), label: Label(o.rand.IntN(int(labelCount))), time: o.rand.Int64()}
	got := o.do(x, len(o.journal)+1, false)
	r, known := o.records[x.key]
	if got.had != known {
		o.t.Fatalf("label of %d: known %v, want %v", n, got.had, known)
	}
	x.had = known
	o.journal = append(o.journal, x)
	switch {
	case known:
		r.Label, r.LabelTime = x.label, x.time
		o.records[x.key] = r
	case x.label == Unlabelled:
		delete(o.early, x.key)
	default:
		o.early[x.key] = EarlyLabel{x.key, uint64(len(o.journal)), x.label, x.time}
	}
}

func (o *oracle) keep() {
	flush(o.t, o.table)
	o.snapshot, o.at = o.table.Early(), len(o.journal)
	if o.options.Dir != "" && o.table.Position() != uint64(o.at) {
		o.t.Fatalf("position %d after a flush, want %d", o.table.Position(), o.at)
	}
}

func (o *oracle) reopen(crashed bool) {
	if crashed {
		crash(o.t, o.table)
	} else if err := o.table.Close(); err != nil {
		o.t.Fatal(err)
	}
	table, err := Open(o.options)
	if err != nil {
		o.t.Fatal(err)
	}
	o.table = table
	table.RestoreEarly(o.snapshot)
	if table.Position() < uint64(o.at) {
		o.t.Fatalf("position %d, before the snapshot at %d", table.Position(), o.at)
	}
	for i := o.at; i < len(o.journal); i++ {
		x := o.journal[i]
		if got := o.do(x, i+1, true); got.had != x.had || got.early != x.early {
			o.t.Fatalf("repeating %d: %v %v, want %v %v (put: %v)", i+1, got.had, got.early, x.had, x.early, x.put)
		}
	}
	o.compare()
}

func (o *oracle) forget(version int) {
	want := 0
	for k, r := range o.records {
		if r.Version == version && r.Decision == Decline {
			delete(o.records, k)
			want++
		}
	}
	n, err := o.table.Forget(func(r *Record) bool { return r.Version == version && r.Decision == Decline })
	if n != want || err != nil {
		o.t.Fatalf("forgot %d, want %d (%v)", n, want, err)
	}
	o.keep()
}

func (o *oracle) compare() {
	o.t.Helper()
	for n := range o.puts + 50 {
		got, ok, err := o.table.Get(keyOf(n))
		want, there := o.records[keyOf(n)]
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || ok != there || err != nil {
			o.t.Fatalf("record %d: there %v, want %v (%v) (-want +got):\n%s", n, ok, there, err, diff)
		}
	}
	early := map[Key]EarlyLabel{}
	for _, l := range o.table.Early() {
		early[l.Key] = l
	}
	if diff := cmp.Diff(o.early, early); diff != "" {
		o.t.Fatalf("early labels (-want +got):\n%s", diff)
	}
	o.figures()
}

func (o *oracle) figures() {
	o.t.Helper()
	want := newLedger(maxCohorts, o.table.tomorrow)
	for _, r := range o.records {
		want.add(&fact{r.Time, []byte(r.Model), int64(r.Version), r.Loss, r.Decision}, r.Label)
	}
	if diff := cmp.Diff(want.performance(), o.table.Performance(), cmpopts.EquateNaNs()); diff != "" {
		o.t.Fatalf("figures (-want +got):\n%s", diff)
	}
	if n := o.table.Stats().Records; n != int64(len(o.records)) {
		o.t.Fatalf("%d records, want %d", n, len(o.records))
	}
}

func TestTheTableIsWhatAMapWouldBe(t *testing.T) {
	for _, disk := range []bool{false, true} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("disk %v seed %d", disk, seed), func(t *testing.T) {
				options := Options{Part: 60}
				if disk {
					options.Dir = t.TempDir()
				}
				o := &oracle{
					t: t, options: options, rand: rand.New(rand.NewPCG(seed, 1)),
					records: map[Key]Record{}, early: map[Key]EarlyLabel{},
				}
				o.table = must[*Table](t)(Open(options))
				o.run(disk, 2500)
				if err := o.table.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

func (o *oracle) run(disk bool, steps int) {
	for range steps {
		switch dice := o.rand.IntN(2000); {
		case dice < 1300:
			o.put()
		case dice < 1900 && o.puts > 0:
			o.label(o.rand.IntN(o.puts))
		case dice < 1980:
			o.label(o.puts + o.rand.IntN(30))
		case dice < 1985:
			o.figures()
		case dice < 1988:
			o.forget(1 + o.rand.IntN(3))
		case dice < 1992:
			o.compare()
		case !disk:
		case dice < 1995:
			o.keep()
		case dice < 1997:
			o.reopen(false)
		default:
			o.reopen(true)
		}
	}
	o.compare()
}
