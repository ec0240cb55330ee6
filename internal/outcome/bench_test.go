package outcome

import (
	"math/rand/v2"
	"testing"
)

const benchRecords = 1_000_000

func benchRecord(n int) Record {
	return Record{Time: day0 + int64(n), Model: "fraud", Version: 3, Score: 0.5, Decision: Approve, Loss: 1234, Data: make([]byte, 100)}
}

// full is a table with a million records on disk.
func full(b *testing.B) *Table {
	table := open(b, Options{Dir: b.TempDir()})
	for n := range benchRecords {
		r := benchRecord(n)
		table.Put(keyOf(n), uint64(n+1), &r)
	}
	if err := table.Flush(); err != nil {
		b.Fatal(err)
	}
	for len(pick(table.current())) > 0 { // the background merges
		table.work.Lock()
		err := table.merge()
		table.work.Unlock()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(table.current())), "files")
	return table
}

func BenchmarkPut(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "disk": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			table := open(b, Options{Dir: dir, Bytes: 256 << 20})
			keys := make([]Key, 1<<20)
			for n := range keys {
				keys[n] = keyOf(n)
			}
			r, n := benchRecord(0), 0
			for b.Loop() {
				r.Time++
				k := keys[n%len(keys)]
				k[7] += byte(n / len(keys))
				table.Put(k, uint64(n+1), &r)
				n++
			}
			if err := table.Flush(); err != nil { // its share of sorting and writing
				b.Fatal(err)
			}
			if s := table.Stats(); dir != "" {
				b.ReportMetric(float64(s.Late), "late")
				b.ReportMetric(float64(s.Lost), "lost")
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	table := full(b)
	random := rand.New(rand.NewPCG(1, 1))
	keys := make([]Key, 50_000)
	for i := range keys {
		keys[i] = keyOf(random.IntN(benchRecords))
	}
	files := float64(len(table.current()))
	b.Run("Get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, ok, err := table.Get(keys[i%len(keys)]); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		b.ReportMetric(files, "files")
	})
	b.Run("Get unknown", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, ok, err := table.Get(next(keys[i%len(keys)], 1)); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	position := uint64(2 * benchRecords)
	b.Run("Label", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			position++
			if _, known, err := table.Label(keys[i%len(keys)], position, Fraud, 1); !known || err != nil {
				b.Fatal(known, err)
			}
		}
	})
}
