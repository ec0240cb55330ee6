package outcome

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const day0 = 20_000 * dayMillis // some day of 2024

// keyOf is the n-th of keys that are uniform.
func keyOf(n int) (k Key) {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	binary.BigEndian.PutUint64(k[:], r.Uint64())
	binary.BigEndian.PutUint64(k[8:], r.Uint64())
	return k
}

func recordOf(n int) Record {
	r := rand.New(rand.NewPCG(uint64(n), 8))
	data := make([]byte, r.IntN(60))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return Record{
		Time: day0 + int64(n)*40_000 + r.Int64N(1000), Model: []string{"fraud", "mules"}[r.IntN(2)], Version: 1 + r.IntN(3),
		Score: r.Float64(), Decision: uint8(r.IntN(int(decisionCount))), Loss: r.Int64N(100_000), Data: data,
	}
}

func open(t testing.TB, o Options) *Table {
	t.Helper()
	table, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// crash ends the table as a crash does: what is in memory is lost.
func crash(t testing.TB, table *Table) {
	t.Helper()
	table.mu.Lock()
	table.closed = true
	table.mu.Unlock()
	table.cancel()
	<-table.done
	if err := table.closeFiles(); err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func flush(t testing.TB, table *Table) {
	t.Helper()
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
}

// settle does what the background does, to its end.
func settle(t testing.TB, table *Table) {
	t.Helper()
	table.work.Lock()
	defer table.work.Unlock()
	for _, step := range []func() error{table.writeAll, table.expire, table.merge} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}
