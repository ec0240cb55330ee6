package rows_test

import (
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/rows"
	"github.com/besra-ml/besra/pipeline"
)

// columns are a number a, a name b (x and "y, z"), and a bool c.
func columns(t testing.TB) []besra.Column {
	t.Helper()
	b, err := pipeline.StringColumn("b", []string{"x", "y, z"})
	if err != nil {
		t.Fatal(err)
	}
	return []besra.Column{{Name: "a"}, b, {Name: "c", Type: besra.Bool}}
}

func readAll(r io.Reader, columns []besra.Column, o rows.Options, n int) ([]float64, error) {
	o.File = "rows.csv"
	d, err := rows.NewReader(r, columns, o)
	if err != nil {
		return nil, err
	}
	all := []float64{}
	for {
		all, err = d.Read(all, n)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return all, err
		}
	}
}

func TestRowsInTheModelsOrder(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		text   string
		ignore bool
		want   []float64
	}{
		"any order of columns":           {"c,a,b\n1,2.5,x\n0,-3,\"y, z\"\n", false, []float64{2.5, 0, 1, -3, 1, 0}},
		"an empty cell is missing":       {"a,b,c\n,,\n\"\",\"\",\"\"\n", false, []float64{nan, nan, nan, nan, nan, nan}},
		"an unknown name is missing":     {"a,b,c\n1,w,1\n", false, []float64{1, nan, 1}},
		"a name may look like a number":  {"a,b,c\n1,nan,1\n", false, []float64{1, nan, 1}},
		"nan and infinities":             {"a,b,c\nnan,x,inf\n-inf,x,+Inf\nInfinity,x,NaN\n", false, []float64{nan, 0, inf, -inf, 0, inf, inf, 0, nan}},
		"numbers beyond float64":         {"a,b,c\n1e999,x,-1e999\n1e-999,x,1e39\n", false, []float64{inf, 0, -inf, 0, 0, 1e39}},
		"the words of bools":             {"a,b,c\n1,x,True\n1,x,false\n", false, []float64{1, 0, 1, 1, 0, 0}},
		"no last line end":               {"a,b,c\n1,x,1", false, []float64{1, 0, 1}},
		"a last empty cell without end":  {"a,b,c\n1,x,", false, []float64{1, 0, nan}},
		"CRLF":                           {"a,b,c\r\n1,x,1\r\n2,\"x\",0\r\n", false, []float64{1, 0, 1, 2, 0, 0}},
		"a byte order mark":              {"\ufeffa,b,c\n1,x,1\n", false, []float64{1, 0, 1}},
		"a byte order mark and quotes":   {"\ufeff\"a\",b,c\n1,x,1\n", false, []float64{1, 0, 1}},
		"empty lines between":            {"\n\na,b,c\n\n1,x,1\n\r\n\n2,x,1\n\n", false, []float64{1, 0, 1, 2, 0, 1}},
		"extra columns, when told so":    {"k,a,b,l,c\n\"q\"\"\n\",1,x,,1\n", true, []float64{1, 0, 1}},
		"a header without rows":          {"a,b,c\n", false, []float64{}},
		"a header without even its end":  {"a,b,c", false, []float64{}},
		"a quoted header":                {"\"a\",\"b\",\"c\"\n1,x,0\n", false, []float64{1, 0, 0}},
		"a lone carriage return at last": {"a,b,c\n1,x,0\r", false, []float64{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"with the error": iotest.DataErrReader(strings.NewReader(c.text)),
			} {
				for _, n := range []int{1, 100} {
					got, err := readAll(r, columns(t), rows.Options{IgnoreExtra: c.ignore}, n)
					if err != nil {
						t.Fatalf("%s: %v", how, err)
					}
					if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); diff != "" {
						t.Errorf("%s: %s", how, diff)
					}
					r = strings.NewReader(c.text)
				}
			}
		})
	}
}

func TestANameWithoutADictionaryHasACodeAndNoneIsMissing(t *testing.T) {
	code := func(name string) float64 { return float64(len(name)) + 1<<31 } // beyond what a float32 tells apart
	columns := []besra.Column{{Name: "a"}, pipeline.HashedColumn("b", code)}
	got, err := readAll(strings.NewReader("a,b\n,DE\n,\n,\"\"\n,nan\n"), columns, rows.Options{}, 3)
	nan := math.NaN()
	want := []float64{nan, 1<<31 + 2, nan, 1 << 31, nan, 1 << 31, nan, 1<<31 + 3}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestASingleColumnsEmptyLineIsARow(t *testing.T) {
	got, err := readAll(strings.NewReader("a\n1\n\n3\r\n\r\n"), []besra.Column{{Name: "a"}}, rows.Options{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{1, math.NaN(), 3, math.NaN()}, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameLineAndColumn(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":             {"", "rows.csv: is empty: want a header"},
		"only line ends":            {"\n\r\n", "rows.csv: is empty: want a header"},
		"an unknown column":         {"a,b,c,amuont\n", `rows.csv: unknown column "amuont"`},
		"a mistyped column":         {"a,b,cc\n", `unknown column "cc", did you mean "c"?`},
		"a repeated column":         {"a,b,c,a\n", `rows.csv: column "a" stands twice`},
		"a missing column":          {"a,c\n", `rows.csv: column "b" is missing`},
		"missing columns":           {"a\n", `rows.csv: columns "b", "c" are missing`},
		"an unnamed column":         {"a,b,c,\n", `unknown column ""`},
		"no number":                 {"a,b,c\n1,x,1\n12x,x,1\n", `rows.csv:3: a: "12x" is no number`},
		"a hexadecimal number":      {"a,b,c\n0x1p3,x,1\n", `rows.csv:2: a: "0x1p3" is no number`},
		"an underscore":             {"a,b,c\n1_0,x,1\n", `"1_0" is no number`},
		"a space":                   {"a,b,c\n 1,x,1\n", `" 1" is no number`},
		"a signed nan":              {"a,b,c\n-nan,x,1\n", `"-nan" is no number`},
		"only a sign":               {"a,b,c\n-,x,1\n", `"-" is no number`},
		"two points":                {"a,b,c\n1.2.3,x,1\n", `"1.2.3" is no number`},
		"a word that only bools do": {"a,b,c\ntrue,x,1\n", `"true" is no number`},
		"a short row":               {"a,b,c\n1,x\n", "rows.csv:2: has 2 cells, the header 3"},
		"a long row":                {"a,b,c\n1,x,1,4,5\n", "rows.csv:2: has 5 cells, the header 3"},
		"a quote in a cell":         {"a,b,c\n1,x\"y,1\n", "rows.csv:2: b: a quote within a cell that is not quoted"},
		"an open quote":             {"a,b,c\n1,\"x,1\n2,x,1\n", "rows.csv:2: b: a quoted cell without its closing quote"},
		"text behind a quote":       {"a,b,c\n1,\"x\"y,1\n", "rows.csv:2: b: text behind a closing quote"},
		"a late one":                {"a,b,c\n" + strings.Repeat("1,\"y\n\",1\n", 50000) + "1,x,bad\n", `rows.csv:100002: c: "bad" is no number`},
		"a long cell":               {"a,b,c\n" + strings.Repeat("é", 100) + ",x,1\n", "… is no number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(c.text), columns(t), rows.Options{}, 100)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("what the file itself says", func(t *testing.T) {
		broken := errors.New("disk on fire")
		r := io.MultiReader(strings.NewReader("a,b,c\n1,x,1\n"), iotest.ErrReader(broken))
		got, err := readAll(r, columns(t), rows.Options{}, 9)
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "rows.csv: ") || len(got) != 3 {
			t.Errorf("got %v and %v", got, err)
		}
	})
}

// endless is a file whose second record never ends.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '1'
	}
	if !e.begun {
		e.begun = true
		return copy(p, "a,b,c\n\""), nil
	}
	return len(p), nil
}

func TestARecordIsBounded(t *testing.T) {
	_, err := readAll(&endless{}, columns(t), rows.Options{}, 9)
	if err == nil || !strings.Contains(err.Error(), "rows.csv: line 2: a record of more than") {
		t.Error(err)
	}
}

func TestNumbersReadBackToTheSameBits(t *testing.T) {
	for text, x := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "0.1": 0.1, "1": 1, "1000000": 1e6, "-2.5": -2.5, "0.0001": 1e-4, "1e-05": 1e-5,
		"1e+16": 1e16, "1234567890123456": 1234567890123456, "nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1),
		"1.7976931348623157e+308": math.MaxFloat64, "5e-324": math.SmallestNonzeroFloat64,
	} {
		if got := string(rows.AppendNumber(nil, x, 64)); got != text {
			t.Errorf("%v is written %s, want %s", x, got, text)
		}
	}
	if got := string(rows.AppendNumber(nil, float64(float32(0.1)), 32)); got != "0.1" {
		t.Errorf("the float32 0.1 is written %s", got)
	}
	check := func(x float64, bits int) {
		got, ok := rows.ParseNumber(rows.AppendNumber(nil, x, bits), bits)
		if !ok || math.Float64bits(got) != math.Float64bits(x) && (got == got || x == x) {
			t.Fatalf("%v came back as %v", x, got)
		}
	}
	u := uint64(0x9e3779b97f4a7c15)
	for range 100_000 {
		u ^= u << 13
		u ^= u >> 7
		u ^= u << 17
		check(math.Float64frombits(u), 64)
		check(float64(math.Float32frombits(uint32(u))), 32)
	}
}

func TestAnswers(t *testing.T) {
	got, err := rows.Answers(strings.NewReader("value_0,value_1\r\n0.1,nan\r\n-inf,-0\r\n"), "value.csv", "value", 2, 32, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{float64(float32(0.1)), math.NaN(), math.Inf(-1), math.Copysign(0, -1)}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" || !math.Signbit(got[3]) {
		t.Errorf("%s %v", diff, got)
	}
	for name, c := range map[string]struct{ text, want string }{
		"too few columns":  {"value\n1\n", "value.csv: has 1 columns, but the model's value has 2"},
		"another kind":     {"margin_0,margin_1\n1,2\n", `value.csv: column "margin_0" should be "value_0"`},
		"a short line":     {"value_0,value_1\n1,2\n3\n", "value.csv:3: has not the header's 2 cells"},
		"a long line":      {"value_0,value_1\n1,2,3\n", "value.csv:2: has not the header's 2 cells"},
		"no number":        {"value_0,value_1\n1,b\n", `value.csv:2: "b" is no number`},
		"too many numbers": {"value_0,value_1\n1,2\n3,4\n5,6\n", "value.csv: more than 4 numbers"},
		"nothing":          {"", "value.csv: is empty"},
		"an open quote":    {"value_0,value_1\n1,\"2\n", "value.csv:2: a quoted cell"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := rows.Answers(strings.NewReader(c.text), "value.csv", "value", 2, 32, 4)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		kind string
		n    int
		want string
	}{{"value", 1, "value"}, {"margin", 3, "margin_0,margin_1,margin_2"}, {"leaf", 1, "leaf_0"}, {"leaf", 0, ""}} {
		if got := string(rows.Header(c.kind, c.n)); got != c.want+"\n" {
			t.Errorf("%s of %d: %q", c.kind, c.n, got)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	var file strings.Builder
	cs := make([]besra.Column, 30)
	for i := range cs {
		cs[i].Name = "f" + strconv.Itoa(i)
		file.WriteString(cs[i].Name + ",")
	}
	text := strings.TrimSuffix(file.String(), ",") + "\n"
	file.Reset()
	file.WriteString(text)
	for row := range 2000 {
		for i := range cs {
			file.Write(rows.AppendNumber(nil, float64(float32(row*30+i)*0.37), 32))
			file.WriteByte(",\n"[i/29])
		}
	}
	b.SetBytes(int64(file.Len()))
	dst := make([]float64, 0, 256*30)
	for b.Loop() {
		d, err := rows.NewReader(strings.NewReader(file.String()), cs, rows.Options{})
		for err == nil {
			_, err = d.Read(dst[:0], 256)
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/60_000, "ns/value")
}
