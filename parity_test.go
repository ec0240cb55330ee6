package besra_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// open reads the case's model with what the case says of it.
func (c *parityCase) open(t *testing.T) *besra.Model {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "model.*"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("models %v, %v: want one", paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	m, err := besra.Read(bytes.NewReader(data), besra.Options{Missing: c.Missing})
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
func (c *parityCase) rows(t *testing.T, columns []besra.Column) []float32 {
	t.Helper()
	header, lines := c.cells(t, "rows.csv")
	if len(header) != len(columns) {
		t.Fatalf("%d columns, want %d", len(columns), len(header))
	}
	for i, col := range columns {
		if col.Name != header[i] {
			t.Fatalf("column %d is named %q, want %q", i, col.Name, header[i])
		}
	}
	rows := make([]float32, 0, len(lines)*len(header))
	for _, line := range lines {
		for i, cell := range line {
			switch {
			case cell == "":
				rows = append(rows, float32(math.NaN()))
			case columns[i].Type == besra.String:
				rows = append(rows, float32(columns[i].Code(cell)))
			default:
				rows = append(rows, number(t, cell))
			}
		}
	}
	return rows
}

// numbers reads a file of the case that holds float32 numbers.
func (c *parityCase) numbers(t *testing.T, name string, width int) []float64 {
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
			out = append(out, float64(number(t, cell)))
		}
	}
	return out
}

func number(t *testing.T, cell string) float32 {
	t.Helper()
	v, err := strconv.ParseFloat(cell, 32)
	if err != nil {
		t.Fatal(err)
	}
	return float32(v)
}

// A parityResult counts how many answers of a case were compared and how many differ.
type parityResult struct {
	parityCase
	rows, compared int
	wrong          map[string]int // by kind of answer
	failed         bool           // before anything could be compared
}

func (r *parityResult) run(t *testing.T) {
	r.failed = true
	r.wrong = map[string]int{}
	m := r.open(t)
	width := len(m.Columns())
	rows := r.parityCase.rows(t, m.Columns())
	rows64 := make([]float64, len(rows))
	for i, x := range rows {
		rows64[i] = float64(x)
	}
	r.rows = len(rows) / width

	r.compare(t, "margin", m.Outputs(), r.numbers(t, "margin.csv", m.Outputs()), rows, rows64, m.Margin, m.Margin64)
	r.compare(t, "value", m.Values(), r.numbers(t, "value.csv", m.Values()), rows, rows64, m.Predict, m.Predict64)
	if _, lines := r.cells(t, "leaf.csv"); lines != nil {
		r.compare(t, "leaf", m.Trees(), r.numbers(t, "leaf.csv", m.Trees()), rows, rows64, leaves(m, m.Leaf), leaves(m, m.Leaf64))
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

// compare asks for one kind of answer in every way there is.
func (r *parityResult) compare(t *testing.T, kind string, width int, want []float64, rows []float32, rows64 []float64,
	predict func([]float64, []float32) error, predict64 func([]float64, []float64) error,
) {
	t.Helper()
	if len(want) != r.rows*width {
		t.Fatalf("%d %ss for %d rows of %d", len(want), kind, r.rows, width)
	}
	columns := len(rows) / r.rows
	each := func(dst []float64, from func(int) error) error {
		for i := range r.rows {
			if err := from(i); err != nil {
				return err
			}
		}
		return nil
	}
	got := make([]float64, len(want))
	ways := []struct {
		name string
		ask  func() error
	}{
		{"all rows at once", func() error { return predict(got, rows) }},
		{"all float64 rows at once", func() error { return predict64(got, rows64) }},
		{"row by row", func() error {
			return each(got, func(i int) error { return predict(got[i*width:], rows[i*columns:(i+1)*columns]) })
		}},
		{"row by row in float64", func() error {
			return each(got, func(i int) error { return predict64(got[i*width:], rows64[i*columns:(i+1)*columns]) })
		}},
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

// String says how a case went, in a word if it went well.
func (r *parityResult) String() string {
	if r.failed {
		return "**cannot be read**"
	}
	var bad []string
	for _, kind := range []string{"margin", "value", "leaf"} {
		if n := r.wrong[kind]; n > 0 {
			bad = append(bad, fmt.Sprintf("%d %ss", n, kind))
		}
	}
	if bad != nil {
		return "**differs: " + strings.Join(bad, ", ") + "**"
	}
	return "exact"
}

// parityTable renders the results: a table for each library, a line for each objective and its traits, a
// column for each version that wrote models.
func parityTable(all []parityResult) []byte {
	byLibrary := map[string][]parityResult{}
	for _, r := range all {
		byLibrary[r.Library] = append(byLibrary[r.Library], r)
	}
	var b bytes.Buffer
	b.WriteString("# Parity\n\n" +
		"Generated by `go test -run TestParity -update .` from the cases in `testdata`; do not edit.\n\n" +
		"Each case is a model, rows made of its own thresholds and their neighbours, zeros, denormals, infinities, missing\n" +
		"values and odd categories, and what the library answers to them on one thread. *exact* means that every margin,\n" +
		"value and leaf has the library's own bits, for all rows at once and row by row. A dash: no case.\n")
	libraries := make([]string, 0, len(byLibrary))
	for name := range byLibrary {
		libraries = append(libraries, name)
	}
	slices.Sort(libraries)
	for _, name := range libraries {
		parityLibrary(&b, name, byLibrary[name])
	}
	return b.Bytes()
}

// A parityLine is what a line of the table is about.
type parityLine struct{ booster, objective, traits string }

func parityLibrary(b *bytes.Buffer, name string, results []parityResult) {
	var versions []string
	rows, compared, exact := 0, 0, 0
	lines := map[parityLine]map[string]string{}
	for _, r := range results {
		if !slices.Contains(versions, r.Trained) {
			versions = append(versions, r.Trained)
		}
		rows += r.rows
		compared += r.compared
		answer := r.String()
		if answer == "exact" {
			exact++
		}
		if r.Reference != "" && r.Reference != newest(results) {
			answer += " (answers of " + r.Reference + ")"
		}
		line := parityLine{r.Booster, r.Objective, strings.Join(r.Traits, "; ")}
		if lines[line] == nil {
			lines[line] = map[string]string{}
		}
		if old := lines[line][r.Trained]; old == "" || strings.HasPrefix(old, "exact") {
			lines[line][r.Trained] = answer
		}
	}
	slices.SortFunc(versions, func(a, b string) int { return compareVersions(a, b) })
	fmt.Fprintf(b, "\n## %s\n\nThe reference is %s. %d of %d cases are exact: %d rows, %d numbers.\n\n",
		name, newest(results), exact, len(results), rows, compared)
	fmt.Fprintf(b, "| booster | objective | traits | %s |\n|%s\n", strings.Join(versions, " | "),
		strings.Repeat(" --- |", 3+len(versions)))
	keys := make([]parityLine, 0, len(lines))
	for k := range lines {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b parityLine) int {
		return cmp.Or(cmp.Compare(a.booster, b.booster), cmp.Compare(a.objective, b.objective), cmp.Compare(a.traits, b.traits))
	})
	for _, k := range keys {
		fmt.Fprintf(b, "| %s | %s | %s |", k.booster, k.objective, cmp.Or(k.traits, "–"))
		for _, v := range versions {
			fmt.Fprintf(b, " %s |", cmp.Or(lines[k][v], "–"))
		}
		b.WriteByte('\n')
	}
}

// newest returns the newest version that answered.
func newest(results []parityResult) string {
	best := ""
	for _, r := range results {
		if best == "" || compareVersions(r.Reference, best) > 0 {
			best = r.Reference
		}
	}
	return best
}

func compareVersions(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		i, _ := strconv.Atoi(x)
		j, _ := strconv.Atoi(y)
		return cmp.Compare(i, j)
	})
}

func writeDoc(doc []byte) error {
	if err := os.MkdirAll(filepath.Dir(parityDoc), 0o755); err != nil {
		return err
	}
	return os.WriteFile(parityDoc, doc, 0o644)
}
