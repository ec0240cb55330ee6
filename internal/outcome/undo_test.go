package outcome

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsUndoneWasNever(t *testing.T) {
	table, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	r := Record{Time: 1, Model: "fraud", Version: 1, Score: 0.5, Decision: Review, Loss: 7, Data: []byte("d")}
	table.Put(Key{1}, 1, &r)
	kept := table.Performance()
	table.Put(Key{2}, 2, &r)
	if _, known, err := table.Label(Key{2}, 3, Fraud, 9); !known || err != nil {
		t.Fatal(known, err)
	}
	want := r
	want.Label, want.LabelTime = Fraud, 9
	got, ok := table.Undo(Key{2})
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Errorf("%v: %s", ok, d)
	}
	if _, known, _ := table.Get(Key{2}); known {
		t.Error("it is still there")
	}
	if d := cmp.Diff(kept, table.Performance(), cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); d != "" {
		t.Errorf("the figures differ: %s", d)
	}
	if early, at, had := table.Put(Key{2}, 4, &r); !had || early != Fraud || at != 9 {
		t.Errorf("put again, it has the label %v of %d: %v", early, at, had)
	}
	if _, ok := table.Undo(Key{3}); ok {
		t.Error("what never was is undone")
	}
}
