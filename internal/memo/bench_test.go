package memo

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

func digestOf(i int) []byte {
	d := make([]byte, 32)
	d[0], d[1] = byte(i), byte(i>>8)
	return d
}

func scopeOf(i int) *Scope { return NewScope(digestOf(i), digestOf(1000+i), "") }

// distinct returns n rows that differ.
func distinct(n, columns int) [][]float64 {
	r := rand.New(rand.NewPCG(1, uint64(n*1000+columns)))
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, columns)
		for c := range rows[i] {
			rows[i][c] = float64(r.IntN(100_000)) / 100
		}
		rows[i][0] = float64(i)
	}
	return rows
}

func newMemo(tb testing.TB, bytes int64) *Memo {
	tb.Helper()
	m, err := New(Options{Bytes: bytes})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(m.Close)
	return m
}

var widths = []int{15, 30}

func BenchmarkHit(b *testing.B) {
	for _, columns := range widths {
		for _, n := range []int{2048, 150_000} { // what a core's cache holds, and what it does not
			b.Run(fmt.Sprintf("columns=%d/rows=%d", columns, n), func(b *testing.B) {
				m, s, rows := newMemo(b, 64<<20), scopeOf(1), distinct(n, columns)
				dst, k := make([]float64, 1), new(Key)
				for _, row := range rows {
					m.Get(s, row, dst, k)
					m.Put(s, k, row, dst)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if !m.Get(s, rows[i%len(rows)], dst, k) {
						b.Fatal("it is not known")
					}
				}
			})
		}
	}
}

func BenchmarkHitByAll(b *testing.B) {
	m, s, rows := newMemo(b, 64<<20), scopeOf(1), distinct(2048, 30)
	for _, row := range rows {
		var k Key
		m.Get(s, row, make([]float64, 1), &k)
		m.Put(s, &k, row, []float64{1})
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		dst, k := make([]float64, 1), new(Key)
		for i := rand.IntN(len(rows)); pb.Next(); i++ {
			m.Get(s, rows[i%len(rows)], dst, k)
		}
	})
}

// Each row is new, in a Memo that is full.
func BenchmarkMissAndPut(b *testing.B) {
	for _, columns := range widths {
		b.Run(fmt.Sprintf("columns=%d", columns), func(b *testing.B) {
			m, s, rows := newMemo(b, 64<<20), scopeOf(1), distinct(2048, columns)
			dst, k := make([]float64, 1), new(Key)
			serial := 1e6
			once := func(i int) {
				row := rows[i%len(rows)]
				serial++
				row[0] = serial
				if !m.Get(s, row, dst, k) {
					m.Put(s, k, row, dst)
				}
			}
			for i := range 300_000 {
				once(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				once(i)
			}
		})
	}
}

func BenchmarkMissAndPutByAll(b *testing.B) {
	m, s := newMemo(b, 64<<20), scopeOf(1)
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		rows := distinct(2048, 30)
		dst, k := make([]float64, 1), new(Key)
		serial := float64(next.Add(1) << 40)
		for i := 0; pb.Next(); i++ {
			row := rows[i%len(rows)]
			serial++
			row[0] = serial
			if !m.Get(s, row, dst, k) {
				m.Put(s, k, row, dst)
			}
		}
	})
}

func BenchmarkSaw(b *testing.B) {
	for _, columns := range widths {
		for _, unique := range []bool{false, true} {
			b.Run(fmt.Sprintf("columns=%d/unique=%t", columns, unique), func(b *testing.B) {
				g, s, rows := NewGhost(), scopeOf(1), distinct(2048, columns)
				serial := 1e6
				see := func(i int) {
					row := rows[i%len(rows)]
					if unique {
						serial++
						row[0] = serial
					}
					g.Saw(s, row)
				}
				if unique {
					for i := range 5 << 20 { // its list is full
						see(i)
					}
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					see(i)
				}
			})
		}
	}
}

func BenchmarkSawByAll(b *testing.B) {
	g, s, rows := NewGhost(), scopeOf(1), distinct(2048, 30)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(len(rows)); pb.Next(); i++ {
			g.Saw(s, rows[i%len(rows)])
		}
	})
}
