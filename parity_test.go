package besra_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra"
)

var update = flag.Bool("update", false, "rewrite docs/parity.md")

const parityDoc = "docs/parity.md"

// A parityCase is a folder of testdata: a model of a library, rows, and the library's own answers to them.
type parityCase struct {
	dir string

	Library    string   `json:"library"`
	Trained    string   `json:"trained"`   // the version that wrote the model
	Reference  string   `json:"reference"` // the version that gave the answers
	Booster    string   `json:"booster"`
	Objective  string   `json:"objective"`
	Traits     []string `json:"traits"`
	Missing    *float64 `json:"missing"`    // what the library was told to take for missing
	Iterations string   `json:"iterations"` // the half-open range of rounds that answered

	// For what the library itself does not always answer alike: how many units in the last place its answers may be
	// away, by kind (value), and why.
	ULP    map[string]uint64 `json:"ulp"`
	Reason string            `json:"reason"`

	Refused string `json:"refused"` // for a model that is not read: a part of what is said of it
}

// TestParity holds the answers to every case against its library's own, bit for bit: margins, values and
// leaves, all rows at once and one by one, from float32 and float64 rows. A folder with a case.json is a
// case. What comes out is docs/parity.md.
func TestParity(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*/case.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	var all []parityResult
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(strings.TrimPrefix(filepath.ToSlash(dir), "testdata/"), func(t *testing.T) {
			r := parityResult{parityCase: readCase(t, dir)}
			defer func() { all = append(all, r) }() // whatever comes of it
			if r.Refused != "" {
				r.refuse(t)
				return
			}
			r.run(t)
		})
	}
	if len(all) != len(files) {
		return // only some were asked for
	}
	doc := parityTable(all)
	if *update {
		if err := writeDoc(doc); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old, err := os.ReadFile(parityDoc); err != nil || !bytes.Equal(old, doc) {
		t.Errorf("%s is stale: go test -run TestParity -update .", parityDoc)
	}
}

func readCase(t *testing.T, dir string) parityCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := parityCase{dir: dir}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// read reads the case's model with what the case says of it.
func (c *parityCase) read(t *testing.T) (*besra.Model, error) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "model.*"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("models %v, %v: want one", paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return besra.Read(bytes.NewReader(data), besra.Options{Missing: c.Missing})
}

// open reads the case's model, and takes the rounds that the case asks for.
func (c *parityCase) open(t *testing.T) *besra.Model {
	t.Helper()
	m, err := c.read(t)
	if err != nil {
		t.Fatal(err)
	}
	if c.Iterations == "" {
		return m
	}
	var from, to int
	if _, err := fmt.Sscanf(c.Iterations, "%d:%d", &from, &to); err != nil {
		t.Fatalf("iterations %q: %v", c.Iterations, err)
	}
	if m, err = m.Range(from, to); err != nil {
		t.Fatal(err)
	}
	return m
}

// cells reads a file of the case, without its header; nil when the case does not have it.
func (c *parityCase) cells(t *testing.T, name string) (header []string, lines [][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join(c.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%s: %d lines, %v", name, len(all), err)
	}
	return all[0], all[1:]
}

// rows reads the case's rows; names of categories become their codes.
func (c *parityCase) rows(t *testing.T, m *besra.Model) []float64 {
	t.Helper()
	columns := m.Columns()
	header, lines := c.cells(t, "rows.csv")
	if len(header) != len(columns) {
		t.Fatalf("%d columns, want %d", len(columns), len(header))
	}
	for i, col := range columns {
		if col.Name != header[i] {
			t.Fatalf("column %d is named %q, want %q", i, col.Name, header[i])
		}
	}
	bits, _ := m.Bits()
	rows := make([]float64, 0, len(lines)*len(header))
	for _, line := range lines {
		for i, cell := range line {
			switch {
			case cell == "":
				rows = append(rows, columns[i].Absent())
			case columns[i].Type == besra.String:
				rows = append(rows, columns[i].Code(cell))
			default:
				rows = append(rows, number(t, cell, bits))
			}
		}
	}
	return rows
}

// numbers reads a file of the case that holds numbers of so many bits; nil when the case does not have it.
func (c *parityCase) numbers(t *testing.T, name string, width, bits int) []float64 {
	t.Helper()
	header, lines := c.cells(t, name)
	if header == nil {
		return nil
	}
	if len(header) != width {
		t.Fatalf("%s has %d columns, the model says %d", name, len(header), width)
	}
	out := make([]float64, 0, len(lines)*width)
	for _, line := range lines {
		for _, cell := range line {
			out = append(out, number(t, cell, bits))
		}
	}
	return out
}

func number(t *testing.T, cell string, bits int) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(cell, bits)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A parityResult counts how many answers of a case were compared and how many differ.
type parityResult struct {
	parityCase
	rows, compared int
	wrong          map[string]int    // by kind of answer: beyond what is allowed
	apart          map[string]uint64 // by kind of answer: units in the last place, at most
	failed         bool              // before anything could be compared
}

// refuse wants the model refused, with the reason.
func (r *parityResult) refuse(t *testing.T) {
	if _, err := r.read(t); err == nil || !strings.Contains(err.Error(), r.Refused) {
		r.failed = true
		t.Errorf("%v: want %q", err, r.Refused)
	}
}

func (r *parityResult) run(t *testing.T) {
	r.failed = true
	r.wrong, r.apart = map[string]int{}, map[string]uint64{}
	m := r.open(t)
	_, bits := m.Bits()
	rows := r.parityCase.rows(t, m)
	r.rows = len(rows) / len(m.Columns())

	margins := r.numbers(t, "margin.csv", m.Outputs(), bits)
	if m.ValueOnly() {
		if margins != nil {
			t.Error("margin.csv: the model has none")
		}
		if err := m.Margin64(make([]float64, r.rows*m.Outputs()), rows); !errors.Is(err, besra.ErrNoMargin) {
			t.Errorf("margins of a model that has none: %v", err)
		}
	} else {
		r.compare(t, m, "margin", m.Outputs(), margins, rows, m.Margin, m.Margin64)
	}
	r.compare(t, m, "value", m.Values(), r.numbers(t, "value.csv", m.Values(), bits), rows, m.Predict, m.Predict64)
	if _, lines := r.cells(t, "leaf.csv"); lines != nil {
		r.compare(t, m, "leaf", m.Trees(), r.numbers(t, "leaf.csv", m.Trees(), 64), rows, leaves(m, m.Leaf), leaves(m, m.Leaf64))
	}
	r.failed = false
}

// leaves makes a prediction of leaves look like one of numbers.
func leaves[T float32 | float64](m *besra.Model, leaf func([]int32, []T) error) func([]float64, []T) error {
	return func(dst []float64, rows []T) error {
		n := len(rows) / len(m.Columns()) * m.Trees()
		ids := make([]int32, n)
		err := leaf(ids, rows)
		for i, id := range ids {
			dst[i] = float64(id)
		}
		return err
	}
}

// compare asks for one kind of answer in every way there is; rows that float32 cannot hold, as float64 only.
func (r *parityResult) compare(t *testing.T, m *besra.Model, kind string, width int, want, rows []float64,
	predict func([]float64, []float32) error, predict64 func([]float64, []float64) error,
) {
	t.Helper()
	if len(want) != r.rows*width {
		t.Fatalf("%d %ss for %d rows of %d", len(want), kind, r.rows, width)
	}
	columns := len(m.Columns())
	each := func(dst []float64, from func(int) error) error {
		for i := range r.rows {
			if err := from(i); err != nil {
				return err
			}
		}
		return nil
	}
	got := make([]float64, len(want))
	type way struct {
		name string
		ask  func() error
	}
	ways := []way{
		{"all float64 rows at once", func() error { return predict64(got, rows) }},
		{"row by row in float64", func() error {
			return each(got, func(i int) error { return predict64(got[i*width:], rows[i*columns:(i+1)*columns]) })
		}},
	}
	rows32, whole := narrow(rows)
	switch err := predict(got, rows32); {
	case errors.Is(err, besra.ErrWidth):
	case whole:
		ways = append(ways, way{"all rows at once", func() error { return predict(got, rows32) }},
			way{"row by row", func() error {
				return each(got, func(i int) error { return predict(got[i*width:], rows32[i*columns:(i+1)*columns]) })
			}})
	}
	for _, way := range ways {
		clear(got)
		if err := way.ask(); err != nil {
			t.Fatalf("%s, %s: %v", kind, way.name, err)
		}
		wrong := 0
		for i := range want {
			if equal(got[i], want[i]) {
				continue
			}
			d := apart(got[i], want[i], m)
			if r.apart[kind] = max(r.apart[kind], d); d <= r.ULP[kind] {
				continue
			}
			if wrong++; wrong <= 3 {
				row := i / width
				t.Errorf("%s %d of row %d, %s: got %v, want %v; row %v",
					kind, i%width, row, way.name, got[i], want[i], rows[row*columns:(row+1)*columns])
			}
		}
		r.wrong[kind] = max(r.wrong[kind], wrong)
	}
	r.compared += len(want)
}

// equal reports whether two numbers have the same bits, or are both NaN.
func equal(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// narrow returns the rows as float32, and whether they are the same numbers.
func narrow(rows []float64) (narrow []float32, same bool) {
	narrow, same = make([]float32, len(rows)), true
	for i, x := range rows {
		narrow[i] = float32(x)
		same = same && equal(float64(narrow[i]), x)
	}
	return narrow, same
}

// apart returns how many units in the last place of the model's numbers two answers are from another.
func apart(a, b float64, m *besra.Model) uint64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.MaxUint64
	}
	_, bits := m.Bits()
	x, y := order(a, bits), order(b, bits)
	return max(x, y) - min(x, y)
}

// order maps numbers of so many bits to integers in their order, neighbours to neighbours.
func order(x float64, bits int) uint64 {
	u := math.Float64bits(x) &^ (1 << 63)
	if bits == 32 {
		u = uint64(math.Float32bits(float32(x)) &^ (1 << 31))
	}
	if math.Signbit(x) {
		return 1<<63 - 1 - u
	}
	return 1<<63 + u
}
