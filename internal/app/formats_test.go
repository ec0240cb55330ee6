package app

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
)

// libraryCases are parity cases that are served, a few of each library: with names of categories, several classes, and without margins.
var libraryCases = []string{
	"xgboost/strings-3.2.0", "xgboost/multi-softprob-3.2.0",
	"lightgbm/strings-several-4.7.0", "lightgbm/strings-classes-4.7.0", "lightgbm/linear-4.7.0",
	"catboost/binary-1.2.10", "catboost/ctr-1.2.10", "catboost/ctr-class-1.2.10",
	"onnx/columns-onehot-1.20.1", "onnx/hist-classes-1.20.1", "onnx/forest-integers-1.20.1",
}

// A library is a parity case that is served as a bundle, version 1 of the model m.
type library struct {
	dir           string
	model         *besra.Model
	rows          [][]string // cells, in the model's order
	value, margin [][]string // margin is nil where the model has none
	output        int        // of values: the score
}

func table(t *testing.T, path string) (header []string, lines [][]string) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%s: %d lines, %v", path, len(all), err)
	}
	return all[0], all[1:]
}

// openCase makes a bundle of a parity case, in dir.
func openCase(t *testing.T, name, dir string, memo bool) *library {
	t.Helper()
	golden := filepath.Join("..", "..", "testdata", filepath.FromSlash(name))
	models, err := filepath.Glob(filepath.Join(golden, "model.*"))
	if err != nil || len(models) != 1 {
		t.Fatalf("%s: models %v, %v", name, models, err)
	}
	m, err := besra.Open(models[0])
	if err != nil {
		t.Fatal(err)
	}
	c := &library{dir: dir, model: m, output: m.Values() - 1}
	r := bundle.Recipe{Model: models[0], Golden: golden}
	r.Name, r.Version, r.Output, r.Memo = "m", 1, strconv.Itoa(c.output), memo
	if _, _, err := bundle.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	header, lines := table(t, filepath.Join(golden, "rows.csv"))
	for i, column := range m.Columns() {
		at := slices.Index(header, column.Name)
		for k, line := range lines {
			if i == 0 {
				c.rows = append(c.rows, nil)
			}
			c.rows[k] = append(c.rows[k], line[at])
		}
	}
	_, c.value = table(t, filepath.Join(golden, "value.csv"))
	_, c.margin = table(t, filepath.Join(golden, "margin.csv"))
	return c
}

// features returns row i as a request has it, by name and in order; ok is false for numbers that JSON does not have, or that a
// request may not.
func (c *library) features(i int) (features, row string, ok bool) {
	var byName, inOrder []string
	bits, _ := c.model.Bits()
	for k, column := range c.model.Columns() {
		cell := c.rows[i][k]
		value := cell
		x, err := strconv.ParseFloat(cell, bits)
		switch {
		case cell == "":
			value = "null"
		case column.Type == besra.String:
			text, _ := json.Marshal(cell)
			value = string(text)
		case err != nil || math.IsInf(x, 0) || math.IsNaN(x):
			return "", "", false
		}
		name, _ := json.Marshal(column.Name)
		inOrder = append(inOrder, value)
		if cell != "" || i%2 == 0 { // what is missing may be left out, too
			byName = append(byName, string(name)+":"+value)
		}
	}
	return `"features":{` + strings.Join(byName, ",") + "}", `"row":[` + strings.Join(inOrder, ",") + "]", true
}

// check holds an answer against the library's own to row i.
func (c *library) check(t *testing.T, i int, answer []byte) {
	t.Helper()
	var a struct {
		Score    json.Number
		Margin   *json.Number
		Scores   []json.Number
		Degraded bool
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatalf("row %d: %v: %s", i, err, answer)
	}
	_, bits := c.model.Bits()
	same := func(what string, got json.Number, want string) {
		t.Helper()
		x, err := strconv.ParseFloat(want, bits)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			if got != "" && got != "null" {
				t.Fatalf("row %d: %s %s, want null for %s", i, what, got, want)
			}
			return
		}
		y, err2 := strconv.ParseFloat(string(got), bits)
		if err != nil || err2 != nil || math.Float64bits(x) != math.Float64bits(y) {
			t.Fatalf("row %d: %s %s, want %s: %s", i, what, got, want, answer)
		}
	}
	same("score", a.Score, c.value[i][c.output])
	if len(a.Scores) != len(c.value[i]) && len(c.value[i]) > 1 {
		t.Fatalf("row %d: %s", i, answer)
	}
	for k, v := range a.Scores {
		same("scores", v, c.value[i][k])
	}
	switch {
	case (a.Margin == nil) != (c.margin == nil) && !a.Degraded:
		t.Fatalf("row %d: %s", i, answer)
	case a.Margin != nil:
		same("margin", *a.Margin, c.margin[i][min(c.output, len(c.margin[i])-1)])
	}
}

func TestModelsOfEveryLibraryAreServed(t *testing.T) {
	for _, name := range libraryCases {
		for _, memo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s memo=%t", name, memo), func(t *testing.T) {
				c := openCase(t, name, filepath.Join(t.TempDir(), "m"), memo)
				s := start(t, nil, c.dir)
				if status, body := s.get("/v1/models/m"); status != 200 || !strings.Contains(body, `"proven":true,"format":"`+c.model.Format()+`"`) {
					t.Fatalf("%d %s", status, body)
				}
				asked := 0
				var events []string
				var of []int
				for i := range c.rows {
					features, row, ok := c.features(i)
					if !ok {
						continue
					}
					asked++
					id := fmt.Sprintf("evt_%d", i)
					body := fmt.Sprintf(`{"event_id":%q,%s}`, id, features)
					status, _, first := s.posted("/v1/score", body)
					if status != 200 {
						t.Fatalf("row %d: %d %s", i, status, first)
					}
					c.check(t, i, []byte(first))
					status, header, again := s.posted("/v1/score", body)
					if status != 200 || again != first || header.Get("Idempotent-Replayed") != "true" {
						t.Fatalf("row %d again: %d %s, first %s", i, status, again, first)
					}
					events = append(events, fmt.Sprintf(`{%s}`, row), fmt.Sprintf(`{"event_id":"b%s",%s}`, id, features), fmt.Sprintf(`{"event_id":"b%s",%s}`, id, features))
					of = append(of, i, i, i)
				}
				if asked < len(c.rows)/3 {
					t.Fatalf("%d of %d rows", asked, len(c.rows))
				}
				for from := 0; from < len(events); from += 999 {
					to := min(from+999, len(events))
					status, _, body := s.posted("/v1/score/batch", `{"model":"m","events":[`+strings.Join(events[from:to], ",")+"]}")
					var b struct{ Results []json.RawMessage }
					if err := json.Unmarshal([]byte(body), &b); err != nil || status != 200 || len(b.Results) != to-from {
						t.Fatalf("%d %.300s", status, body)
					}
					for k, answer := range b.Results {
						c.check(t, of[from+k], answer)
						if twin := (from+k)%3 == 2; twin != bytes.Contains(answer, []byte(`"replayed":true`)) {
							t.Fatalf("row %d: %s", of[from+k], answer)
						}
					}
				}
			})
		}
	}
}
