package events_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/internal/tools/simulate"
)

// world returns the payments of the demo's world, for some days.
func world(b *testing.B, days int) []byte {
	b.Helper()
	o := simulate.Defaults()
	o.Days = days
	var out bytes.Buffer
	if _, err := simulate.Write(b.Context(), &out, o, nil); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkReplay(b *testing.B) {
	text := world(b, 40)
	o := handbook(b)
	o.IgnoreExtra = true
	for name, to := range map[string]func(r *events.Replay) events.Sink{
		"csv":     func(r *events.Replay) events.Sink { return r.CSVTo(io.Discard) },
		"parquet": func(r *events.Replay) events.Sink { return r.ParquetTo(io.Discard) },
		"none":    func(*events.Replay) events.Sink { return events.Each(func(*events.Block) error { return nil }) },
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				r, err := events.New(o)
				if err != nil {
					b.Fatal(err)
				}
				sum, err := r.Run(context.Background(), events.CSV(bytes.NewReader(text)), to(r))
				if err != nil {
					b.Fatal(err)
				}
				n += sum.Events
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkReplayOfParquet(b *testing.B) {
	text := string(world(b, 10))
	o := handbook(b)
	o.IgnoreExtra = true
	rows := records(b, text)
	nodes := map[string]parquet.Node{"time": parquet.Timestamp(parquet.Millisecond), "amount": parquet.Leaf(parquet.DoubleType)}
	for _, name := range rows[0] {
		if nodes[name] == nil {
			nodes[name] = parquet.String()
		}
	}
	file := table(b, rows, nodes, 1<<17)
	n := 0
	for b.Loop() {
		r, err := events.New(o)
		if err != nil {
			b.Fatal(err)
		}
		from := events.Parquet(bytes.NewReader(file), int64(len(file)))
		sum, err := r.Run(context.Background(), from, events.Each(func(*events.Block) error { return nil }))
		if err != nil {
			b.Fatal(err)
		}
		n += sum.Events
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
