package events_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/events"
	"github.com/besra-ml/besra/pipeline"
)

// table writes a Parquet file: one column for each node, its values as made from a row of CSV.
func table(tb testing.TB, rows [][]string, nodes map[string]parquet.Node, groupRows int) []byte {
	tb.Helper()
	group := parquet.Group{}
	at := map[string]int{}
	for i, name := range rows[0] {
		group[name], at[name] = parquet.Optional(nodes[name]), i
	}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.NewSchema("events", group), parquet.Compression(&parquet.Zstd))
	for i, row := range rows[1:] {
		var values parquet.Row
		for j, f := range group.Fields() {
			values = append(values, valueOf(tb, f, row[at[f.Name()]]).Level(0, 1, j))
			if row[at[f.Name()]] == "" {
				values[j] = parquet.NullValue().Level(0, 0, j)
			}
		}
		if _, err := w.WriteRows([]parquet.Row{values}); err != nil {
			tb.Fatal(err)
		}
		if (i+1)%groupRows == 0 {
			if err := w.Flush(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// valueOf reads text as what the column holds.
func valueOf(tb testing.TB, f parquet.Field, text string) parquet.Value {
	tb.Helper()
	x, _ := strconv.ParseFloat(text, 64)
	switch f.Type().Kind() {
	case parquet.Boolean:
		return parquet.BooleanValue(text == "1" || text == "fraud")
	case parquet.Double:
		return parquet.DoubleValue(x)
	case parquet.Float:
		return parquet.FloatValue(float32(x))
	case parquet.Int32:
		return parquet.Int32Value(int32(x))
	case parquet.Int64:
		at, err := time.Parse(time.RFC3339, text)
		switch f.Type().String() {
		case "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)":
			x = float64(at.UnixMilli())
		case "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)":
			return parquet.Int64Value(at.UnixMicro() + 999)
		case "TIMESTAMP(isAdjustedToUTC=true,unit=NANOS)":
			return parquet.Int64Value(at.UnixNano() + 999_999)
		default:
			err = nil
		}
		if err != nil && text != "" {
			tb.Fatal(err)
		}
		return parquet.Int64Value(int64(x))
	default:
		return parquet.ByteArrayValue([]byte(text))
	}
}

// records reads a CSV file.
func records(tb testing.TB, text string) [][]string {
	tb.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// runParquet replays Parquet into CSV.
func runParquet(tb testing.TB, o events.Options, file []byte) (string, error) {
	tb.Helper()
	o.File = "events.parquet"
	r, err := events.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	_, err = r.Run(context.Background(), events.Parquet(bytes.NewReader(file), int64(len(file))), r.CSVTo(&out))
	return out.String(), err
}

func TestParquetGivesTheRowsOfCSV(t *testing.T) {
	text := simulated(t, 16)
	o := handbook(t)
	o.IgnoreExtra = true
	o.Keep = []string{"event_id"}
	want := mustRun(t, o, text)
	rows := records(t, text)
	plain := map[string]parquet.Node{}
	for _, name := range rows[0] {
		plain[name] = parquet.String()
	}
	for name, change := range map[string]map[string]parquet.Node{
		"strings":               {},
		"milliseconds, doubles": {"time": parquet.Timestamp(parquet.Millisecond), "label_time": parquet.Timestamp(parquet.Microsecond), "amount": parquet.Leaf(parquet.DoubleType)},
		"microseconds, bools":   {"time": parquet.Timestamp(parquet.Microsecond), "label": parquet.Leaf(parquet.BooleanType)},
		"nanoseconds, codes":    {"time": parquet.Timestamp(parquet.Nanosecond), "card": parquet.Encoded(parquet.String(), &parquet.RLEDictionary), "scenario": parquet.Int(8)},
	} {
		nodes := map[string]parquet.Node{}
		for k, v := range plain {
			nodes[k] = v
		}
		for k, v := range change {
			nodes[k] = v
		}
		for _, groupRows := range []int{1 << 30, 1000} {
			for _, block := range []int{0, 100} {
				o.Block = block
				got, err := runParquet(t, o, table(t, rows, nodes, groupRows))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got != want {
					t.Errorf("%s, groups of %d, blocks of %d: other rows", name, groupRows, block)
				}
			}
		}
	}
}

func TestWholeNumbersAreEntitiesAndNumbers(t *testing.T) {
	rows := [][]string{{"time", "card", "amount", "label"}, {"2026-11-27T00:00:00Z", "17", "3", "1"}, {"2026-11-27T02:00:00Z", "17", "4", "0"}, {"2026-11-27T02:00:00Z", "", "", ""}}
	file := table(t, rows, map[string]parquet.Node{
		"time": parquet.Timestamp(parquet.Millisecond), "card": parquet.Int(64), "amount": parquet.Uint(32), "label": parquet.Int(32),
	}, 2)
	o := options(t, small)
	o.Keep = []string{"card", "time"}
	got, err := runParquet(t, o, file)
	if err != nil {
		t.Fatal(err)
	}
	want := "card,time,x,n,mean,share\n17,2026-11-27T00:00:00.000Z,3,1,3,\n17,2026-11-27T02:00:00.000Z,4,2,3.5,1\n,2026-11-27T02:00:00.000Z,,,,\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWrongParquetIsToldByRowAndColumn(t *testing.T) {
	good := map[string]parquet.Node{"time": parquet.String(), "card": parquet.String(), "amount": parquet.Leaf(parquet.DoubleType)}
	rows := [][]string{{"time", "card", "amount"}, {"2026-11-27T00:00:00Z", "a", "1"}, {"2026-11-27T00:00:00Z", "a", "2"}}
	change := func(name string, n parquet.Node) map[string]parquet.Node {
		nodes := map[string]parquet.Node{name: n}
		for k, v := range good {
			if k != name {
				nodes[k] = v
			}
		}
		return nodes
	}
	late := [][]string{rows[0], rows[1], {"yesterday", "a", "1"}}
	nan := [][]string{rows[0], rows[1], {"2026-11-27T00:00:00Z", "a", "NaN"}}
	absent := [][]string{rows[0], {"", "a", "1"}}
	for _, c := range []struct {
		file []byte
		want string
	}{
		{table(t, late, good, 1), `events.parquet: row 2: time: "yesterday" is no time such as 2026-11-27T00:00:01.250Z`},
		{table(t, nan, good, 9), `events.parquet: row 2: amount: "nan" is no finite number`},
		{table(t, absent, good, 9), `events.parquet: row 1: time: is missing`},
		{table(t, rows, change("time", parquet.TimestampAdjusted(parquet.Millisecond, false)), 9), "events.parquet: time: holds local times: want timestamps that are adjusted to UTC"},
		{table(t, rows, change("time", parquet.Int(64)), 9), "events.parquet: time: a column of type INT(64,true) cannot be read as a field of type time"},
		{table(t, rows, change("card", parquet.Leaf(parquet.DoubleType)), 9), "events.parquet: card: a column of type DOUBLE cannot be read as a field of type entity"},
		{table(t, rows, change("amount", parquet.Decimal(2, 9, parquet.Int32Type)), 9), "events.parquet: amount: a column of type DECIMAL(9,2) cannot be read as a field of type number"},
		{table(t, [][]string{{"time", "card"}, {"2026-11-27T00:00:00Z", "a"}}, good, 9), `events.parquet: column "amount" is missing`},
		{[]byte("time,card,amount\n2026-11-27T00:00:00Z,a,1\n"), "events.parquet: is no Parquet file, or not a whole one"},
	} {
		_, err := runParquet(t, options(t, small), c.file)
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

func TestRowsAsParquetAreThoseOfCSV(t *testing.T) {
	text := simulated(t, 16)
	o := handbook(t)
	o.IgnoreExtra = true
	o.Keep = []string{"time", "event_id", "label"}
	want := records(t, mustRun(t, o, text))
	for bits, typ := range map[int]string{32: "FLOAT", 64: "DOUBLE"} {
		o.Bits = bits
		header, got := readParquet(t, toParquet(t, o, text))
		if d := cmp.Diff(want[0], names(header)); d != "" {
			t.Fatal(d)
		}
		if got := header[5].Type().String(); got != typ {
			t.Errorf("%d bits: a number is %s", bits, got)
		}
		if len(got) != len(want)-1 {
			t.Fatalf("%d rows, want %d", len(got), len(want)-1)
		}
		for i, row := range got {
			for j, cell := range want[i+1] {
				if !sameCell(row[j], cell) {
					t.Fatalf("%d bits, row %d, %s: %v, want %s", bits, i+1, want[0][j], row[j], cell)
				}
			}
		}
	}
}

func TestParquetKeepsTypesAndGaps(t *testing.T) {
	country, err := pipeline.StringColumn("land", []string{"AT", "NL"})
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, `
besra: 1
event:
  - {name: at, type: time}
  - {name: country, type: text}
  - {name: chip, type: bool}
  - {name: amount, type: number}
columns:
  - {name: x, field: amount}
  - {name: land, field: country}
`, country, besra.Column{Name: "x"})
	o.Keep = []string{"chip", "amount", "country"}
	header, rows := readParquet(t, toParquet(t, o, "at,country,chip,amount\n2026-11-27T00:00:00Z,NL,true,1.5\n2026-11-27T00:00:00Z,XX,0,\n2026-11-27T00:00:00Z,,,2\n"))
	if d := cmp.Diff([]string{"chip", "amount", "country", "land", "x"}, names(header)); d != "" {
		t.Fatal(d)
	}
	var got []string
	for _, row := range rows {
		var cells []string
		for _, v := range row {
			cells = append(cells, v.String())
		}
		got = append(got, strings.Join(cells, " "))
	}
	if d := cmp.Diff([]string{"true 1.5 NL NL 1.5", "false NaN XX <null> NaN", "<null> 2 <null> <null> 2"}, got); d != "" {
		t.Error(d)
	}
}

// The library that reads Parquet takes a page's own word for its size, so that this is no fuzz target: some bytes
// ask for gigabytes.
func TestDamagedParquetGivesRowsOrAnError(t *testing.T) {
	rows := [][]string{{"time", "card", "amount", "label"}, {"2026-11-27T00:00:00Z", "a", "1.5", "1"}, {"2026-11-27T00:00:01Z", "", "2", ""}}
	whole := table(t, rows, map[string]parquet.Node{
		"time": parquet.String(), "card": parquet.Encoded(parquet.String(), &parquet.RLEDictionary),
		"amount": parquet.Leaf(parquet.DoubleType), "label": parquet.Leaf(parquet.BooleanType),
	}, 1)
	o := options(t, small)
	random := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for range 1000 {
		file := bytes.Clone(whole)
		for range 1 + random.IntN(3) {
			file[random.IntN(len(file))] = byte(random.IntN(256))
		}
		if _, err := runParquet(t, o, file[:len(file)-random.IntN(2)]); err != nil {
			failed++
		}
	}
	if failed < 100 || failed == 1000 {
		t.Errorf("%d of 1000 damaged files are refused", failed)
	}
}

// toParquet replays CSV into Parquet.
func toParquet(tb testing.TB, o events.Options, text string) []byte {
	tb.Helper()
	r, err := events.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	to := r.ParquetTo(&out)
	if _, err := r.Run(context.Background(), events.CSV(strings.NewReader(text)), to); err != nil {
		tb.Fatal(err)
	}
	if err := to.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// readParquet returns a file's columns and rows.
func readParquet(tb testing.TB, file []byte) (columns []*parquet.Column, rows []parquet.Row) {
	tb.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		tb.Fatal(err)
	}
	for _, g := range f.RowGroups() {
		in := g.Rows()
		buf := make([]parquet.Row, 100)
		for err = nil; err == nil; {
			var n int
			n, err = in.ReadRows(buf)
			for _, row := range buf[:n] {
				rows = append(rows, row.Clone())
			}
		}
		in.Close()
		if !errors.Is(err, io.EOF) {
			tb.Fatal(err)
		}
	}
	return f.Root().Columns(), rows
}

func names(columns []*parquet.Column) (all []string) {
	for _, c := range columns {
		all = append(all, c.Name())
	}
	return all
}

// sameCell reports whether a value is what a cell of CSV says.
func sameCell(v parquet.Value, cell string) bool {
	switch v.Kind() {
	case parquet.Float, parquet.Double:
		x := v.Double()
		if v.Kind() == parquet.Float {
			x = float64(v.Float())
		}
		if cell == "" {
			return math.IsNaN(x)
		}
		want, err := strconv.ParseFloat(cell, 32)
		return err == nil && float32(want) == float32(x)
	case parquet.Int64:
		at, err := time.Parse(time.RFC3339, cell)
		return err == nil && at.UnixMilli() == v.Int64()
	default:
		return v.String() == cell
	}
}
