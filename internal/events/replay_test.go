package events_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/besra-ml/besra/internal/events"
)

func TestAReplayEndsWithItsContext(t *testing.T) {
	for name, begin := range map[string]string{"before the header": "", "behind it": "time,card,amount\n2026-11-27T00:00:00Z,a,1\n"} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			defer out.Close()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, _ = io.WriteString(out, begin)
				cancel()
			}()
			r, err := events.New(options(t, small))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Run(ctx, events.CSV(in), r.CSVTo(io.Discard)); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want %v", err, context.Canceled)
			}
		})
	}
}

func TestASinkThatFailsEndsTheReplay(t *testing.T) {
	failed := errors.New("the disk is full")
	o := handbook(t)
	o.IgnoreExtra, o.Block = true, 100
	text := simulated(t, 3)
	r, err := events.New(o)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	sum, err := r.Run(t.Context(), events.CSV(strings.NewReader(text)), events.Each(func(b *events.Block) error {
		if blocks++; blocks > 2 {
			return failed
		}
		return nil
	}))
	if !errors.Is(err, failed) || blocks != 3 || sum.Events < 1 {
		t.Errorf("%v behind %d blocks and %d events", err, blocks, sum.Events)
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	broken := errors.New("the tape is torn")
	text := "time,card,amount\n2026-11-27T00:00:00Z,a,1\n"
	r, err := events.New(options(t, small))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	in := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
	_, err = r.Run(t.Context(), events.CSV(in), r.CSVTo(&out))
	if !errors.Is(err, broken) || err.Error() != "events.csv: the tape is torn" {
		t.Error(err)
	}
	if want := "x,n,mean,share\n1,1,1,\n"; out.String() != want {
		t.Errorf("%q is written, want %q", out.String(), want)
	}
}

func TestABlockHoldsTheRowsOfItsEvents(t *testing.T) {
	o := handbook(t)
	o.IgnoreExtra = true
	text := simulated(t, 10)
	r, err := events.New(o)
	if err != nil {
		t.Fatal(err)
	}
	n, last := 0, int64(0)
	sum, err := r.Run(t.Context(), events.CSV(strings.NewReader(text)), events.Each(func(b *events.Block) error {
		if len(b.Rows) != b.N*len(o.Columns) || len(b.Times) != b.N {
			t.Errorf("%d events, %d times and %d numbers", b.N, len(b.Times), len(b.Rows))
		}
		for _, at := range b.Times {
			if at < last {
				t.Errorf("an event at %d behind one at %d", at, last)
			}
			last = at
		}
		n += b.N
		return nil
	}))
	if want := strings.Count(text, "\n") - 1; err != nil || n != want || sum.Events != want || int(r.Events.Load()) != want {
		t.Errorf("%d events, %+v, %v; want %d", n, sum, err, want)
	}
}
