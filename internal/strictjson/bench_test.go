package strictjson

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// The bodies of the benchmarks: 2,048 different ones, each with 30 numbers by name.
const bodies = 2048

var features = []string{
	"amount", "hour", "weekday", "card_age", "n_1h", "n_24h", "n_7d", "sum_1h", "sum_24h", "sum_7d",
	"mean_amount", "max_amount", "ratio_mean", "since_last", "terminal_n", "terminal_risk", "distance_km",
	"is_foreign", "is_night", "mcc_risk", "bin_risk", "ip_risk", "email_age", "velocity", "declines_24h",
	"cvv_match", "avs_match", "device_age", "chargebacks", "score_prev",
}

// shortNumber is a number as people and fixed-point systems write it.
func shortNumber(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return strconv.Itoa(r.IntN(2))
	case 1:
		return strconv.Itoa(r.IntN(5000))
	default:
		return strconv.FormatFloat(r.Float64()*1000, 'f', 1+r.IntN(3), 64)
	}
}

// longNumber is a number as Python writes the result of a computation.
func longNumber(r *rand.Rand) string {
	return strconv.FormatFloat(r.Float64()*1000, 'g', 17, 64)
}

func objects(number func(*rand.Rand) string) (texts [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for range bodies {
		var b bytes.Buffer
		for i, name := range features {
			fmt.Fprintf(&b, `%c"%s":%s`, "{,"[min(i, 1)], name, number(r))
		}
		texts = append(texts, append(b.Bytes(), '}'))
	}
	return texts
}

// spaced has the texts as Python's json.dumps writes them, with a space after comma and colon.
func spaced(texts [][]byte) (out [][]byte) {
	for _, t := range texts {
		t = bytes.ReplaceAll(t, []byte(","), []byte(", "))
		out = append(out, bytes.ReplaceAll(t, []byte(":"), []byte(": ")))
	}
	return out
}

// shuffled has the names in another order than expected, the same for all texts.
func shuffled(texts [][]byte) (out [][]byte) {
	order := rand.New(rand.NewPCG(3, 4)).Perm(len(features))
	for _, t := range texts {
		members := bytes.Split(bytes.Trim(t, "{}"), []byte(","))
		var b bytes.Buffer
		for i, j := range order {
			b.WriteByte("{,"[min(i, 1)])
			b.Write(members[j])
		}
		out = append(out, append(b.Bytes(), '}'))
	}
	return out
}

func batches(texts [][]byte) (out [][]byte) {
	for i := range bodies {
		var b bytes.Buffer
		b.WriteString(`{"events":[`)
		for j := range 64 {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`{"features":`)
			b.Write(texts[(i*64+j)%len(texts)])
			b.WriteByte('}')
		}
		b.WriteString(`]}`)
		out = append(out, b.Bytes())
		if len(out) == 64 {
			break
		}
	}
	return out
}

// A decoder is what a handler would keep for reuse.
type decoder struct {
	s                 Scanner
	body, event, walk *Members
	row               []float64
}

func newDecoder() *decoder {
	members := func(names ...string) *Members {
		n, err := NewNames(names)
		if err != nil {
			panic(err)
		}
		return n.Members()
	}
	return &decoder{
		body: members("events"), event: members("features"), walk: members(features...),
		row: make([]float64, len(features)),
	}
}

func (d *decoder) features(s *Scanner) error {
	if err := d.walk.Open(s); err != nil {
		return err
	}
	for {
		i, ok, err := d.walk.Next(s)
		if !ok {
			return err
		}
		if i == Unknown {
			return fmt.Errorf("unknown feature %s", Quote(d.walk.Unknown()))
		}
		if d.row[i], err = s.Float(); err != nil {
			return err
		}
	}
}

func (d *decoder) object(text []byte) error {
	d.s.Reset(text)
	if err := d.features(&d.s); err != nil {
		return err
	}
	return d.s.End()
}

func (d *decoder) skipThenObject(text []byte) error {
	d.s.Reset(text)
	if _, err := d.s.SkipSyntax(); err != nil {
		return err
	}
	return d.object(text)
}

func (d *decoder) batch(text []byte) error {
	s := &d.s
	s.Reset(text)
	if err := d.body.Open(s); err != nil {
		return err
	}
	for {
		if _, ok, err := d.body.Next(s); !ok {
			if err != nil {
				return err
			}
			return s.End()
		}
		if err := s.Array(); err != nil {
			return err
		}
		for {
			ok, err := s.Element()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := d.event.Open(s); err != nil {
				return err
			}
			for {
				_, ok, err := d.event.Next(s)
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				if err := d.features(s); err != nil {
					return err
				}
			}
		}
	}
}

func jsontextObject() func([]byte) error {
	index := map[string]int{}
	for i, name := range features {
		index[name] = i
	}
	row := make([]float64, len(features))
	var r bytes.Reader
	d := jsontext.NewDecoder(&r)
	return func(text []byte) error {
		r.Reset(text)
		d.Reset(&r)
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		for d.PeekKind() == '"' {
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			i, ok := index[name.String()]
			if !ok {
				return fmt.Errorf("unknown")
			}
			value, err := d.ReadToken()
			if err != nil {
				return err
			}
			if row[i], err = value.Float(); err != nil {
				return err
			}
		}
		_, err := d.ReadToken()
		return err
	}
}

func stdMap(text []byte) error {
	var m map[string]float64
	return stdjson.Unmarshal(text, &m)
}

func BenchmarkObject(b *testing.B) {
	d := newDecoder()
	skip := func(f func(*Scanner) ([]byte, error)) func([]byte) error {
		return func(text []byte) error {
			d.s.Reset(text)
			_, err := f(&d.s)
			return err
		}
	}
	short, long := objects(shortNumber), objects(longNumber)
	for _, c := range []struct {
		name   string
		texts  [][]byte
		decode func([]byte) error
	}{
		{"short/strictjson", short, d.object},
		{"short/strictjson-spaced", spaced(short), d.object},
		{"short/strictjson-shuffled", shuffled(short), newDecoder().object},
		{"short/SkipSyntax", short, skip((*Scanner).SkipSyntax)},
		{"short/Skip", short, skip((*Scanner).Skip)},
		{"short/SkipSyntax-then-strictjson", short, d.skipThenObject},
		{"short/jsontext-IsValid", short, func(t []byte) error { jsontext.Value(t).IsValid(); return nil }},
		{"short/jsontext-tokens", short, jsontextObject()},
		{"short/encoding-json-map", short, stdMap},
		{"17-digits/strictjson", long, d.object},
		{"17-digits/SkipSyntax", long, skip((*Scanner).SkipSyntax)},
		{"17-digits/jsontext-tokens", long, jsontextObject()},
		{"17-digits/encoding-json-map", long, stdMap},
	} {
		b.Run(c.name, func(b *testing.B) { run(b, c.texts, c.decode) })
	}
}

func BenchmarkBatch64(b *testing.B) {
	texts := batches(objects(shortNumber))
	b.Run("strictjson", func(b *testing.B) { run(b, texts, newDecoder().batch) })
	b.Run("jsontext-IsValid", func(b *testing.B) {
		run(b, texts, func(t []byte) error { jsontext.Value(t).IsValid(); return nil })
	})
	b.Run("encoding-json-map", func(b *testing.B) {
		run(b, texts, func(t []byte) error {
			var m struct {
				Events []struct{ Features map[string]float64 }
			}
			return stdjson.Unmarshal(t, &m)
		})
	})
}

// BenchmarkRows64 reads 64 rows of 30 numbers each as nested arrays.
func BenchmarkRows64(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 14))
	var texts [][]byte
	for range 64 {
		var t bytes.Buffer
		for i := range 64 {
			for j := range features {
				fmt.Fprintf(&t, "%c%s%s", "[,"[min(i+j, 1)], "["[min(j, 1):], shortNumber(r))
			}
			t.WriteByte(']')
		}
		texts = append(texts, append(t.Bytes(), ']'))
	}
	var s Scanner
	run(b, texts, func(text []byte) error {
		s.Reset(text)
		if err := s.Array(); err != nil {
			return err
		}
		for {
			if ok, err := s.Element(); !ok {
				return err
			}
			if err := s.Array(); err != nil {
				return err
			}
			for {
				ok, err := s.Element()
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				if _, err := s.Float(); err != nil {
					return err
				}
			}
		}
	})
}

func run(b *testing.B, texts [][]byte, decode func([]byte) error) {
	total := 0
	for _, t := range texts {
		total += len(t)
	}
	b.SetBytes(int64(total / len(texts)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := decode(texts[i%len(texts)]); err != nil {
			b.Fatal(err)
		}
	}
}
