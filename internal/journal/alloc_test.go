//go:build !race

package journal

import (
	"bytes"
	"context"
	"testing"
	"time"
)

func TestAppendAndWaitTakeNoMemory(t *testing.T) {
	for _, mode := range []Sync{Interval, Always, Never} {
		t.Run("with sync "+mode.String(), func(t *testing.T) {
			j := mustOpen(t, Options{Dir: t.TempDir(), Sync: mode, Interval: time.Hour, OpenFile: newDisk().OpenFile})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			record := bytes.Repeat([]byte("r"), 300)
			n := testing.AllocsPerRun(2000, func() {
				position, err := j.Append(record)
				if err == nil {
					err = j.Wait(ctx, position)
				}
				if err != nil {
					t.Error(err)
				}
			})
			if n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}
