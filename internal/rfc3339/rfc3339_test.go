package rfc3339_test

import (
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/rfc3339"
)

func TestParseReadsWhatRFC3339Allows(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-27T00:00:01.250Z", 1795737601250},
		{"2026-11-27T00:00:01.25Z", 1795737601250},
		{"2026-11-27T00:00:01.2509999999999999999999Z", 1795737601250},
		{"2026-11-27T01:00:01.250+01:00", 1795737601250},
		{"2026-11-26T18:30:01.250-05:30", 1795737601250},
		{"1969-12-31T23:59:59-00:01", 59_000},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"2000-02-29T00:00:00Z", 951782400000},
		{"9999-12-31T23:59:59.999Z", rfc3339.MaxTime},
	} {
		got, ok := rfc3339.Parse([]byte(c.text))
		if !ok || got != c.want {
			t.Errorf("Parse(%s) = %d, %v; want %d", c.text, got, ok, c.want)
		}
	}
}

func TestParseRefusesTheRest(t *testing.T) {
	for _, text := range []string{
		"", "2026-11-27", "2026-11-27T00:00:01", "2026-11-27T00:00:01.Z", "2026-11-27T00:00:01,5Z",
		"2026-11-27 00:00:01Z", "2026-11-27t00:00:01Z", "2026-11-27T00:00:01z", "2026-11-27T00:00:01Z ",
		"2026-11-27T00:00:60Z", "2026-11-27T24:00:00Z", "2026-11-27T00:60:00Z", "2026-11-27T00:00:01+24:00",
		"2026-11-27T00:00:01+01:60", "2026-11-27T00:00:01+0100", "2026-11-27T00:00:01+01", "2026-11-27T00:00:01.5",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "0000-01-01T00:00:00Z",
		"1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"202é-11-27T00:00:01Z", "1795737601250", "+026-11-27T00:00:01Z",
	} {
		if got, ok := rfc3339.Parse([]byte(text)); ok {
			t.Errorf("Parse(%q) = %d, want a refusal", text, got)
		}
	}
}

func TestEveryDayIsTimesOwn(t *testing.T) {
	var buf []byte
	at := time.Date(1970, 1, 1, 12, 34, 56, 789e6, time.UTC)
	for ; at.Year() < 10000; at = at.AddDate(0, 0, 1) {
		buf = rfc3339.Append(buf[:0], at.UnixMilli())
		if want := at.Format("2006-01-02T15:04:05.000Z07:00"); string(buf) != want {
			t.Fatalf("Append: %s, want %s", buf, want)
		}
		if got, ok := rfc3339.Parse(buf); !ok || got != at.UnixMilli() {
			t.Fatalf("Parse(%s) = %d, %v; want %d", buf, got, ok, at.UnixMilli())
		}
	}
}

func TestAppendKeepsWithinTheYearsThatCanBeWritten(t *testing.T) {
	if got := rfc3339.Append([]byte("at "), -1); string(got) != "at 1970-01-01T00:00:00.000Z" {
		t.Errorf("before 1970: %s", got)
	}
	if got := rfc3339.Append(nil, rfc3339.MaxTime+1); string(got) != "9999-12-31T23:59:59.999Z" {
		t.Errorf("beyond 9999: %s", got)
	}
}

// shape is what RFC 3339 allows with a capital T and Z; time.Parse lets more pass, such as an hour of one digit,
// a comma for the point, or +00:60.
var shape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzParse checks Parse against time.Parse.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"2026-11-27T00:00:01.250Z", "2026-11-27T01:00:01+01:00", "1969-12-31T23:59:59-23:59", "2024-02-29T23:59:59.9999999999Z",
		"9999-12-31T23:59:59.999-00:01", "2026-11-27T00:00:60Z", "2026-11-27T00:00:01,5Z", "2026-11-27T0:00:01Z", "0000-02-29T00:00:00Z",
		"2000-01-01T00:00:00+00:60",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := rfc3339.Parse(b)
		at, err := time.Parse(time.RFC3339, string(b))
		want := at.UnixMilli()
		in := err == nil && shape.Match(b) && want >= 0 && want <= rfc3339.MaxTime
		if ok != in || ok && got != want {
			t.Fatalf("Parse(%q) = %d, %v, but time.Parse says %d, %v", b, got, ok, want, err)
		}
	})
}

func times() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([][]byte, 4096)
	for i := range all {
		all[i] = rfc3339.Append(nil, r.Int64N(rfc3339.MaxTime))
	}
	return all
}

func BenchmarkParse(b *testing.B) {
	all := times()
	i := 0
	for b.Loop() {
		if _, ok := rfc3339.Parse(all[i%len(all)]); !ok {
			b.Fatal("refused")
		}
		i++
	}
}

func BenchmarkAppend(b *testing.B) {
	var buf []byte
	ms := int64(1795737601250)
	for b.Loop() {
		buf = rfc3339.Append(buf[:0], ms)
		ms += 86_461_007
		if ms > rfc3339.MaxTime {
			ms = 0
		}
	}
}
