package journal

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// distinct returns 4,096 records of 300 bytes.
func distinct() [][]byte {
	random := rand.New(rand.NewPCG(5, 6))
	all := make([][]byte, 4096)
	for i := range all {
		all[i] = make([]byte, 300)
		for k := range all[i] {
			all[i][k] = byte(random.Uint32())
		}
	}
	return all
}

func BenchmarkAppendWait(b *testing.B) {
	for _, mode := range []Sync{Interval, Always, Never} {
		b.Run(mode.String()+"/serial", func(b *testing.B) {
			j, all := mustOpen(b, Options{Dir: b.TempDir(), Sync: mode}), distinct()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				appendWait(b, j, all[i%len(all)])
			}
		})
		b.Run(mode.String()+"/parallel", func(b *testing.B) {
			j, all := mustOpen(b, Options{Dir: b.TempDir(), Sync: mode}), distinct()
			var next atomic.Uint64
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					appendWait(b, j, all[next.Add(1)%uint64(len(all))])
				}
			})
		})
	}
}

func appendWait(b *testing.B, j *Journal, record []byte) {
	position, err := j.Append(record)
	if err == nil {
		err = j.Wait(context.Background(), position)
	}
	if err != nil {
		b.Error(err)
	}
}

func BenchmarkRead(b *testing.B) {
	j, all := mustOpen(b, Options{Dir: b.TempDir(), Sync: Never}), distinct()
	for _, record := range all {
		if _, err := j.Append(record); err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Wait(b.Context(), j.Last()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(all) * 308))
	for b.Loop() {
		if err := j.Read(0, func(uint64, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
