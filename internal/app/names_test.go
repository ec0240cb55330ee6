package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
)

// withEvents makes a bundle of a parity case that takes events too: each column is a field of the same name. refused is a
// feature that may not be missing.
func withEvents(t *testing.T, name, refused string) (dir string) {
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
	fields, columns := "besra: 1\nevent:\n  - {name: at, type: time}\n", "columns:\n"
	for _, c := range m.Columns() {
		typ := "number, decimals: 6"
		if c.Type == besra.String {
			typ = "text"
		}
		fields += fmt.Sprintf("  - {name: %s, type: %s}\n", c.Name, typ)
		columns += fmt.Sprintf("  - {name: %s, field: %s}\n", c.Name, c.Name)
	}
	file := write(t, fields+columns)
	dir = filepath.Join(t.TempDir(), "m")
	r := bundle.Recipe{Model: models[0], Golden: golden, Events: file}
	r.Name, r.Version = "m", 1
	if _, _, err := bundle.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	if refused == "" {
		return dir
	}
	path := filepath.Join(dir, "bundle.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	declared := fmt.Sprintf("{name: %s, type: string}", refused)
	changed := strings.Replace(string(text), declared, strings.TrimSuffix(declared, "}")+", missing: refuse}", 1)
	if changed == string(text) {
		t.Fatalf("no %s in %s", declared, text)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A missing name, one that the model knows and one that it does not are the same to it, as features, as a row and as fields of
// an event.
func TestNamesAtEveryDoor(t *testing.T) {
	for name, c := range map[string]struct {
		column  string // of names
		values  string // of the other columns
		known   string
		unknown bool // the model has a dictionary: other names are not known, and missing
	}{
		"xgboost/strings-3.2.0":          {"country", `"x0":0.5,"x1":0.5,"channel":"web"`, "DE", true},
		"lightgbm/strings-several-4.7.0": {"country", `"amount":118.5,"kind":"a"`, "DE", true},
		"catboost/ctr-1.2.10":            {"f4", `"f0":-1.22,"f1":10.2,"f2":"DE","f3":"US"`, "VN", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withEvents(t, name, "")
			s := start(t, nil, dir)
			with := func(value string) string { return c.values + `,"` + c.column + `":` + value }
			ask := func(content string) (score float64, warnings []struct{ Code, Field string }) {
				t.Helper()
				status, _, body := s.posted("/v1/score", "{"+content+"}")
				a := scoreOf(t, status, body)
				x, err := a.Score.Float64()
				if err != nil {
					t.Fatal(body)
				}
				return x, a.Warnings
			}
			both := func(members string) float64 {
				t.Helper()
				x, warned := ask(`"features":{` + members + `}`)
				y, warnedToo := ask(`"event":{"at":"2026-11-27T00:00:00Z",` + members + `}`)
				if x != y || len(warned) != len(warnedToo) {
					t.Errorf("%s: %v %v as features, %v %v as an event", members, x, warned, y, warnedToo)
				}
				return x
			}
			known, missing := both(with(strconv.Quote(c.known))), both(with("null"))
			if known == missing {
				t.Error("the name does not matter, so that this shows nothing")
			}
			if left := both(c.values); left != missing {
				t.Errorf("left out it is %v, null %v", left, missing)
			}
			stranger := both(with(`"never seen"`))
			_, warned := ask(`"features":{` + with(`"never seen"`) + `}`)
			if c.unknown {
				if stranger != missing || len(warned) != 1 || warned[0].Code != "unknown-category" || warned[0].Field != c.column {
					t.Errorf("a name that is not known: %v, warnings %v, missing is %v", stranger, warned, missing)
				}
			} else {
				if empty := both(with(`""`)); empty != missing {
					t.Errorf("the empty name is %v, a missing one %v", empty, missing)
				}
				if len(warned) != 0 {
					t.Errorf("every name is known, and it warns: %v", warned)
				}
			}
			if status, _, body := s.posted("/v1/score", `{"features":{`+with("3")+`}}`); status != 422 || !strings.Contains(body, `"wrong-type","field":"`+c.column) {
				t.Errorf("a number for a name: %d %s", status, body)
			}
		})
	}
}

func TestANameThatMayNotBeMissing(t *testing.T) {
	for name, c := range map[string]struct{ column, values string }{
		"xgboost/strings-3.2.0": {"country", `"x0":0.5,"x1":0.5,"channel":"web"`},
		"catboost/ctr-1.2.10":   {"f2", `"f0":-1.22,"f1":10.2,"f3":"US","f4":"VN"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withEvents(t, name, c.column)
			s := start(t, nil, dir)
			for _, members := range []string{c.values, c.values + `,"` + c.column + `":null`} {
				for _, content := range []string{`"features":{` + members + `}`, `"event":{"at":"2026-11-27T00:00:00Z",` + members + `}`} {
					status, _, body := s.posted("/v1/score", "{"+content+"}")
					if status != 422 || !strings.Contains(body, `"missing-feature","field":"`+c.column) {
						t.Errorf("%s: %d %s", content, status, body)
					}
				}
			}
			if status, _, body := s.posted("/v1/score", `{"features":{`+c.values+`,"`+c.column+`":"DE"}}`); status != 200 {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}
