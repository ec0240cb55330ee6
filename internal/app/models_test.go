package app

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A served is a model that a server has, with rows and what the library itself says to them.
type served struct {
	name    string
	rows    []string // as JSON arrays
	objects []string // the same by name
	values  []float64
	margins []float64 // the selected output's
}

// readServed opens the model file, predicts the rows with the library, and writes them as JSON.
func readServed(t *testing.T, name, model, rows string) served {
	t.Helper()
	m, err := besra.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(rows)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := served{name: name}
	for _, line := range lines[1:] {
		s.add(t, m, line)
	}
	if len(s.rows) < 20 {
		t.Fatalf("%s: %d rows", rows, len(s.rows))
	}
	return s
}

// add adds a row, unless a request cannot spell it.
func (s *served) add(t *testing.T, m *besra.Model, line []string) {
	t.Helper()
	row := make([]float32, len(line))
	cells, members := make([]string, len(line)), make([]string, 0, len(line))
	for i, c := range m.Columns() {
		name, _ := json.Marshal(c.Name)
		switch {
		case line[i] == "":
			row[i], cells[i] = float32(math.NaN()), "null"
			continue
		case c.Type == besra.String:
			row[i] = float32(c.Code(line[i]))
			quoted, _ := json.Marshal(line[i])
			cells[i] = string(quoted)
		default:
			x, err := strconv.ParseFloat(line[i], 32)
			if err != nil {
				t.Fatal(err)
			}
			if !finite(x) {
				return
			}
			row[i], cells[i] = float32(x), strconv.FormatFloat(x, 'g', -1, 32)
		}
		members = append(members, string(name)+":"+cells[i])
	}
	margins, values := make([]float64, m.Outputs()), make([]float64, m.Values())
	if err := m.Margin(margins, row); err != nil {
		t.Fatal(err)
	}
	if err := m.Predict(values, row); err != nil {
		t.Fatal(err)
	}
	margin := margins[0]
	if m.Values() < m.Outputs() { // the class; its margin made it so
		margin = margins[int(values[0])]
	}
	s.rows = append(s.rows, "["+strings.Join(cells, ",")+"]")
	s.objects = append(s.objects, "{"+strings.Join(members, ",")+"}")
	s.values = append(s.values, values[0])
	s.margins = append(s.margins, margin)
}

// keep drops the rows that are not wanted, such as those that a bundle refuses.
func (s *served) keep(wanted func(row string) bool) {
	all := *s
	*s = served{name: s.name}
	for i, row := range all.rows {
		if wanted(row) {
			s.rows, s.objects = append(s.rows, row), append(s.objects, all.objects[i])
			s.values, s.margins = append(s.values, all.values[i]), append(s.margins, all.margins[i])
		}
	}
}

// check compares an answer with the library's own numbers.
func (s *served) check(t *testing.T, i int, got scored) {
	t.Helper()
	if !same(got.Score, s.values[i]) || !same(got.Margin, s.margins[i]) || got.Degraded == finite(s.values[i]) {
		t.Errorf("%s, row %d: %+v, want score %v, margin %v", s.name, i, got, s.values[i], s.margins[i])
	}
	if got.Degraded && got.Decision != "" {
		t.Errorf("%s, row %d: decided %s without a score", s.name, i, got.Decision)
	}
}

// same reports whether n is the float32 want: null when want is not finite.
func same(n json.Number, want float64) bool {
	if !finite(want) {
		return n == ""
	}
	x, err := n.Float64()
	return err == nil && float64(float32(x)) == want
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// manyModels starts a server of models of several kinds.
func manyModels(t *testing.T) (*server, []served) {
	t.Helper()
	dir := t.TempDir()
	demo := readServed(t, "fraud", filepath.Join(demoBundle, "model.ubj"), filepath.Join(demoBundle, "golden/rows.csv"))
	demo.keep(func(row string) bool {
		return !strings.Contains(strings.Join(strings.Split(row, ",")[:3], ","), "null")
	})
	models := []served{demo}
	paths := []string{demoBundle}
	for name, from := range map[string]string{
		"binary":   "binary-logistic-3.2.0/model.ubj",
		"strings":  "strings-3.2.0/model.json",
		"class":    "multi-softmax-3.2.0/model.ubj",
		"linear":   "linear-missing-3.2.0/model.json",
		"dart":     "dart-3.2.0/model.ubj",
		"overflow": "overflow-reg-squarederror-3.2.0/model.ubj",
	} {
		path := copyOf(t, dir, from, name+filepath.Ext(from))
		paths = append(paths, path)
		models = append(models, readServed(t, name, path, filepath.Join("../../testdata/xgboost", filepath.Dir(from), "rows.csv")))
	}
	return start(t, nil, paths...), models
}

func TestManyModelsGiveTheLibrarysOwnBitsAtOnce(t *testing.T) {
	t.Parallel()
	s, models := manyModels(t)
	requests := 300
	if testing.Short() {
		requests = 60
	}
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			random := rand.New(rand.NewPCG(1, uint64(c)))
			for range requests {
				m := &models[random.IntN(len(models))]
				switch i := random.IntN(len(m.rows)); random.IntN(3) {
				case 0:
					m.ask(t, s, i, `"row":`+m.rows[i])
				case 1:
					m.ask(t, s, i, `"features":`+m.objects[i])
				default:
					m.askBatch(t, s)
				}
			}
		}()
	}
	clients.Wait()
}

func (s *served) ask(t *testing.T, server *server, i int, content string) {
	id := fmt.Sprintf("%s-%s-%d", s.name, content[1:4], i) // the same row spelled otherwise is other content
	status, answer := server.post("/v1/score", fmt.Sprintf(`{"event_id":%q,"model":%q,%s}`, id, s.name, content))
	got := scoreOf(t, status, answer)
	if got.Model != s.name || got.ID != id {
		t.Errorf("asked %s, answered %s", id, answer)
	}
	s.check(t, i, got)
}

func (s *served) askBatch(t *testing.T, server *server) {
	var items []string
	for i := range s.rows {
		items = append(items, fmt.Sprintf(`{"event_id":"%d","features":%s}`, i, s.objects[i]), `{"row":`+s.rows[i]+`}`)
	}
	for i, got := range server.batch(s.name, items) {
		if i%2 == 0 && got.ID != strconv.Itoa(i/2) {
			t.Errorf("result %d is of event %s", i, got.ID)
		}
		s.check(t, i/2, got)
	}
}

// batch asks for these items, and returns as many results.
func (s *server) batch(model string, items []string) []scored {
	s.t.Helper()
	status, answer := s.post("/v1/score/batch", fmt.Sprintf(`{"model":%q,"events":[%s]}`, model, strings.Join(items, ",")))
	var got struct {
		Model   string
		Version int
		Results []scored
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK {
		s.t.Fatalf("%d %.300s: %v", status, answer, err)
	}
	if got.Model != model || len(got.Results) != len(items) {
		s.t.Fatalf("%d results of %s, want %d of %s", len(got.Results), got.Model, len(items), model)
	}
	return got.Results
}

func TestABatchOfTenThousand(t *testing.T) {
	t.Parallel()
	s, models := manyModels(t)
	m := models[0]
	var items []string
	for i := range 10_000 {
		switch i {
		case 17, 9_999:
			items = append(items, `{"event_id":"bad","row":[1]}`)
		default:
			items = append(items, `{"row":`+m.rows[i%len(m.rows)]+`}`)
		}
	}
	for i, got := range s.batch(m.name, items) {
		if i == 17 || i == 9_999 {
			if got.ID != "bad" || got.Error == nil || got.Error.Code != "wrong-shape" {
				t.Errorf("result %d: %+v", i, got)
			}
			continue
		}
		if got.Error != nil {
			t.Fatalf("result %d: %+v", i, got.Error)
		}
		m.check(t, i%len(m.rows), got)
	}
	status, answer := s.post("/v1/score/batch", `{"model":"fraud","events":[`+strings.Join(append(items, items[0]), ",")+`]}`)
	if p := refused(t, status, answer, http.StatusRequestEntityTooLarge, "too-large"); p.Field != "events" {
		t.Errorf("field %q", p.Field)
	}
}

func TestAModelOfSeveralOutputsWantsOneSelected(t *testing.T) {
	t.Parallel()
	path := copyOf(t, t.TempDir(), "multi-softprob-3.2.0/model.json", "kinds.json")
	s := start(t, nil, path)
	for _, path := range []string{"/v1/score", "/v1/score/batch"} {
		body := `{"row":[1,2,3,4,5]}`
		if path != "/v1/score" {
			body = `{"events":[` + body + `]}`
		}
		status, answer := s.post(path, body)
		p := refused(t, status, answer, http.StatusUnprocessableEntity, "no-output")
		if p.Field != "model" || !strings.Contains(p.Detail, "0 to 3") {
			t.Errorf("%+v", p)
		}
	}
}

func TestWhichModelAnswers(t *testing.T) {
	t.Parallel()
	s, models := manyModels(t)
	ask := func(name string) (int, string) {
		return s.post("/v1/score", fmt.Sprintf(`{"model":%q,"row":%s}`, name, models[0].rows[0]))
	}
	for name, want := range map[string]int{"fraud": 1, "fraud@1": 1} {
		status, answer := ask(name)
		if got := scoreOf(t, status, answer); got.Model != "fraud" || got.Version != want {
			t.Errorf("%s: %s", name, answer)
		}
	}
	for name, code := range map[string]string{"fraud@2": "no-such-version", "fraud@": "no-such-version", "fraud@01": "no-such-version", "Fraud": "no-such-model", "": "no-such-model"} {
		status, answer := ask(name)
		refused(t, status, answer, http.StatusNotFound, code)
	}
	status, answer := s.post("/v1/score", `{"row":[1]}`)
	if p := refused(t, status, answer, http.StatusBadRequest, "bad-request"); p.Field != "model" || !strings.Contains(p.Detail, "binary, class, dart, fraud") {
		t.Errorf("%+v", p)
	}
}

func TestModelsAreDescribed(t *testing.T) {
	t.Parallel()
	s, models := manyModels(t)
	var list struct {
		Models []map[string]any `json:"models"`
	}
	_, answer := s.get("/v1/models")
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Models) != len(models) {
		t.Fatalf("%d models, %v: %s", len(list.Models), err, answer)
	}
	for _, m := range list.Models {
		bundle := m["name"] == "fraud"
		if m["proven"] != bundle || m["live"] != true || (m["version"] == 0.0) == bundle || m["format"] != "xgboost" || m["trainer"] != "3.2.0" {
			t.Errorf("%v", m)
		}
	}
	var one struct{ Features []map[string]any }
	_, answer = s.get("/v1/models/fraud@1")
	if err := json.Unmarshal([]byte(answer), &one); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "amount", "type": "float", "min": 0.0, "max": 100000.0, "required": true, "unit": "EUR", "text": "Amount"}
	if len(one.Features) != 15 || !cmp.Equal(one.Features[0], want) {
		t.Errorf("%d features, the first is %v", len(one.Features), one.Features[0])
	}
}

// bundleAs writes the demo's bundle as a version of a model.
func bundleAs(t *testing.T, dir, name string, version int) {
	t.Helper()
	to := filepath.Join(dir, name, strconv.Itoa(version))
	if err := os.CopyFS(to, os.DirFS(demoBundle)); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(to, "bundle.yaml")
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "name: fraud\nversion: 1\n", fmt.Sprintf("name: %s\nversion: %d\n", name, version), 1)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, path, from, to string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("%s has no %q", path, from)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryOfModels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, v := range []int{2, 9, 10, 11, 12, 13} {
		bundleAs(t, dir, "fraud", v)
	}
	bundleAs(t, dir, "abuse", 1)
	damage(t, filepath.Join(dir, "fraud/11/golden/value.csv"), "value\n", "value\n\n")
	damage(t, filepath.Join(dir, "fraud/12/bundle.yaml"), "version: 12", "version: 3")
	damage(t, filepath.Join(dir, "fraud/13/bundle.yaml"), "features:", "feature:")
	for _, other := range []string{"fraud/latest", "fraud/-1", "empty/1x", ".git"} {
		if err := os.MkdirAll(filepath.Join(dir, other), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "fraud"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) { c.Models.Dir = dir })

	var versions []string
	for _, m := range s.Models() {
		versions = append(versions, fmt.Sprintf("%s@%d %v", m.Name, m.Version, m.Live))
	}
	want := []string{"abuse@1 true", "fraud@10 true", "fraud@9 false", "fraud@2 false"}
	if d := cmp.Diff(want, versions); d != "" {
		t.Error(d)
	}
	status, answer := s.post("/v1/score", `{"model":"fraud",`+demoRow[1:])
	if got := scoreOf(t, status, answer); got.Version != 10 || got.score(t) != demoScore(t, nil) {
		t.Error(answer)
	}
	metrics := s.page()
	for series, want := range map[string]string{
		`besra_model_refused_total{model="fraud",reason="incomplete"}`:   "1",
		`besra_model_refused_total{model="fraud",reason="inconsistent"}`: "1",
		`besra_model_refused_total{model="fraud",reason="unreadable"}`:   "1",
		`besra_model_refused_total{model="fraud",reason="unproven"}`:     "0",
		`besra_model_ready{model="fraud",version="9"}`:                   "1",
	} {
		if metrics[series] != want {
			t.Errorf("%s is %q, want %s", series, metrics[series], want)
		}
	}
}

func TestWhatCannotBeServedIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	unproven := filepath.Join(dir, "unproven")
	bundleAs(t, unproven, "fraud", 3)
	damage(t, filepath.Join(unproven, "fraud/3/bundle.yaml"), "iterations: all", `iterations: "0:5"`)
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"a file that is no model":           {[]string{text}, "notes.txt: not a model file"},
		"a path that is not there":          {[]string{filepath.Join(dir, "none")}, "no such file"},
		"a directory without models":        {[]string{t.TempDir()}, "no models"},
		"a bundle that does not prove":      {[]string{filepath.Join(unproven, "fraud/3")}, "does not reproduce its golden rows"},
		"a directory of such bundles alone": {[]string{unproven}, "does not reproduce its golden rows"},
		"a damaged model":                   {[]string{"../../testdata/damaged/xgboost/cycle.json"}, "cycle.json"},
		"the same model twice":              {[]string{demoBundle, demoBundle}, "fraud@1 is given twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Defaults(), testBackends(), c.paths, newApp(t, Defaults()).log)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.want)
			}
		})
	}
}

func TestAPolicyFileWinsOverTheBundles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	text := "besra: 1\nmodels: {fraud: {version: strict, cutoffs: {review: 0, decline: 0.000001}}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]scored{
		"":   {Decision: "approve", Policy: "demo-1"},
		path: {Decision: "decline", Policy: "strict"},
	} {
		s := start(t, func(c *Config) { c.Policy = file })
		status, answer := s.post("/v1/score", demoRow)
		if got := scoreOf(t, status, answer); got.Decision != want.Decision || got.Policy != want.Policy {
			t.Errorf("policy %q: %s", file, answer)
		}
	}
}

func TestADirectoryPinsTheLiveVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bundleAs(t, dir, "fraud", 2)
	bundleAs(t, dir, "fraud", 3)
	pin := filepath.Join(dir, "fraud/live")
	if err := os.WriteFile(pin, []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) { c.Models.Dir = dir })
	status, answer := s.post("/v1/score", demoRow)
	if got := scoreOf(t, status, answer); got.Version != 2 {
		t.Error(answer)
	}
	for text, want := range map[string]string{"4": "pinned to version 4", "latest": "want the number of a version", "": "want the number"} {
		if err := os.WriteFile(pin, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := Defaults()
		c.Models.Dir = dir
		_, err := New(c, Backends{Exporter: func(*telemetry.Metrics) http.Handler { return nil }}, nil, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}
