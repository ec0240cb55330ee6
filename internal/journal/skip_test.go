package journal

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSkippedPositionsAreNotGivenOut(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for round, skip := range []uint64{0, 10, 5, 100} {
		j, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		last := j.Last()
		j.Skip(skip)
		for range 2 {
			p, err := j.Append([]byte{byte(round)})
			if err != nil || p <= last || p <= skip {
				t.Fatalf("position %d after %d and %d: %v", p, last, skip, err)
			}
			if err := j.Wait(context.Background(), p); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(p, round))
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var got []string
	if err := j.Read(1, func(p uint64, r []byte) error { got = append(got, fmt.Sprint(p, r[0])); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
