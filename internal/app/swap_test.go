package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/rows"
)

// kinds are by how many rounds of the demo's model versions differ; each kind scores otherwise.
var kinds = []int{3, 7, 12, 20, 33}

// A forge makes versions of models that tell themselves apart by their scores.
type forge struct {
	t         *testing.T
	templates []string // a bundle of each kind
	demo      served
	values    [][]float32 // by kind and row of demo
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{t: t, demo: readServed(t, "fraud", filepath.Join(demoBundle, "model.ubj"), filepath.Join(demoBundle, "golden/rows.csv"))}
	whole, err := besra.Open(filepath.Join(demoBundle, "model.ubj"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, k := range kinds {
		m, err := whole.Range(0, k)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join(dir, fmt.Sprintf("golden%d", k))
		f.values = append(f.values, writeGolden(t, golden, m, &f.demo))
		template := filepath.Join(dir, strconv.Itoa(k))
		recipe := bundle.Recipe{
			Manifest: bundle.Manifest{Name: "fraud", Version: 1, Iterations: bundle.Iterations{Some: true, To: k}},
			Model:    filepath.Join(demoBundle, "model.ubj"), Golden: golden,
			Events: filepath.Join(demoBundle, "features.yaml"), Policy: filepath.Join(demoBundle, "policy.yaml"),
		}
		if _, _, err := bundle.Write(template, recipe); err != nil {
			t.Fatal(err)
		}
		f.templates = append(f.templates, template)
	}
	return f
}

// writeGolden writes rows and what m says to them, and returns the values.
func writeGolden(t *testing.T, dir string, m *besra.Model, of *served) []float32 {
	t.Helper()
	var names []string
	for _, c := range m.Columns() {
		names = append(names, c.Name)
	}
	text, margins, values := []byte(strings.Join(names, ",")+"\n"), []byte("margin\n"), []byte("value\n")
	var all []float32
	for _, line := range of.rows {
		var cells []*float64
		if err := json.Unmarshal([]byte(line), &cells); err != nil {
			t.Fatal(err)
		}
		row := make([]float32, len(cells))
		for i, c := range cells {
			if i > 0 {
				text = append(text, ',')
			}
			row[i] = float32(math.NaN())
			if c != nil {
				row[i] = float32(*c)
				text = rows.AppendNumber(text, float64(row[i]), 32)
			}
		}
		text = append(text, '\n')
		margin, value := make([]float64, 1), make([]float64, 1)
		if err := m.Margin(margin, row); err != nil {
			t.Fatal(err)
		}
		if err := m.Predict(value, row); err != nil {
			t.Fatal(err)
		}
		margins = append(rows.AppendNumber(margins, margin[0], 32), '\n')
		values = append(rows.AppendNumber(values, value[0], 32), '\n')
		all = append(all, float32(value[0]))
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"rows.csv": text, "margin.csv": margins, "value.csv": values} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// kind says which kind a version is of.
func kind(version int) int { return version % len(kinds) }

// files returns the files of a version.
func (f *forge) files(name string, version int) map[string][]byte {
	f.t.Helper()
	files := map[string][]byte{}
	root := os.DirFS(f.templates[kind(version)])
	for _, file := range []string{
		"model.ubj", "features.yaml", "policy.yaml", "reference.yaml", "golden/rows.csv", "golden/margin.csv", "golden/value.csv", "bundle.yaml",
	} {
		data, err := root.(interface {
			ReadFile(string) ([]byte, error)
		}).ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		files[file] = data
	}
	text := strings.Replace(string(files["bundle.yaml"]), "name: fraud\nversion: 1\n", fmt.Sprintf("name: %s\nversion: %d\n", name, version), 1)
	files["bundle.yaml"] = []byte(text)
	return files
}

// put writes files into a version's folder, one after another as copying does.
func (f *forge) put(dir, name string, version int, files map[string][]byte) {
	f.t.Helper()
	for _, file := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name, strconv.Itoa(version), file)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, files[file], 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *forge) add(dir, name string, version int) { f.put(dir, name, version, f.files(name, version)) }

// asking returns the files of a version; every third asks another window of cards, in which a first payment looks alike.
func (f *forge) asking(version int) map[string][]byte {
	files := f.files("fraud", version)
	if version%3 == 0 {
		old := string(files["features.yaml"])
		files["features.yaml"] = []byte(strings.ReplaceAll(old, "over: card, window: 7d", fmt.Sprintf("over: card, window: %dd", 3+version%4)))
		unlist(files, "features.yaml")
	}
	return files
}

// unlist takes a file's digest out of a manifest, so that what is in the file is judged and not that it changed.
func unlist(files map[string][]byte, file string) {
	var kept []string
	for line := range strings.Lines(string(files["bundle.yaml"])) {
		if !strings.Contains(line, file+":") {
			kept = append(kept, line)
		}
	}
	files["bundle.yaml"] = []byte(strings.Join(kept, ""))
}

// The ways in which a version is bad.
var bad = []func(f *forge, dir string, version int){
	func(f *forge, dir string, version int) { // golden rows of another model
		files := f.files("fraud", version)
		files["golden/value.csv"] = f.files("fraud", version+1)["golden/value.csv"]
		unlist(files, "golden/value.csv")
		f.put(dir, "fraud", version, files)
	},
	func(f *forge, dir string, version int) { // half a model
		files := f.files("fraud", version)
		files["model.ubj"] = files["model.ubj"][:len(files["model.ubj"])/2]
		f.put(dir, "fraud", version, files)
	},
	func(f *forge, dir string, version int) { // a manifest that is none
		f.put(dir, "fraud", version, map[string][]byte{"bundle.yaml": []byte("besra: 1\nname: [fraud\n")})
	},
	func(f *forge, dir string, version int) { // another version
		f.put(dir, "fraud", version, f.files("fraud", version+1))
	},
	func(f *forge, dir string, version int) { // a model that is none, and its digest is right
		files := f.files("fraud", version)
		files["other.ubj"] = []byte("no model at all")
		files["bundle.yaml"] = []byte(strings.NewReplacer("model: model.ubj", "model: other.ubj",
			"files:\n", fmt.Sprintf("files:\n  other.ubj: sha256:%x\n", sha256.Sum256(files["other.ubj"]))).Replace(string(files["bundle.yaml"])))
		f.put(dir, "fraud", version, files)
	},
}

// A watched server serves a directory of models.
func (f *forge) serve(dir string, change func(*Config)) *server {
	f.t.Helper()
	return start(f.t, func(c *Config) {
		c.Models.Dir, c.Models.Poll = dir, time.Hour
		if change != nil {
			change(c)
		}
	})
}

func (s *server) rescan() { s.Rescan(context.Background()) }

func (s *server) live(name string) int {
	if m := s.models.Set().Live(name); m != nil {
		return m.Version
	}
	return 0
}

// refusals returns why versions are not served, as name@version: reason.
func (s *server) refusals() []string {
	s.t.Helper()
	var got struct {
		Refused []struct {
			Name, Reason, Why string
			Version           int
		}
	}
	_, answer := s.get("/v1/models")
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, r := range got.Refused {
		if r.Why == "" || strings.Contains(r.Why, "/tmp") || strings.Contains(r.Why, os.TempDir()) {
			s.t.Errorf("why %q", r.Why)
		}
		all = append(all, fmt.Sprintf("%s@%d: %s", r.Name, r.Version, r.Reason))
	}
	return all
}

// A stream is requests that go on while models change. Each answer must be right for the version that it names.
type stream struct {
	answers atomic.Int64
	by      sync.Map // version to nil: that answered
}

// ask sends one request of each kind and checks the answers.
func (f *forge) ask(st *stream, s *server, client, n int, fresh []float64) {
	i := (client*7919 + n) % len(f.demo.rows)
	check := func(status int, answer string, want func(kind int) float64) {
		if status != 200 {
			f.t.Errorf("%d %s", status, answer)
			return
		}
		got := scoreOf(f.t, status, answer)
		if x, w := got.score(f.t), want(kind(got.Version)); float64(float32(x)) != w {
			f.t.Errorf("version %d says %v, and scores %v", got.Version, x, w)
		}
		st.by.Store(got.Version, nil)
		st.answers.Add(1)
	}
	row := func(k int) float64 { return float64(f.values[k][i]) }
	status, answer := s.post("/v1/score", `{"row":`+f.demo.rows[i]+`}`)
	check(status, answer, row)
	status, answer = s.post("/v1/score", fmt.Sprintf(`{"event_id":"r-%d-%d","model":"fraud","features":%s}`, client, n, f.demo.objects[i]))
	check(status, answer, row)
	status, answer = s.post("/v1/score", `{"model":"fraud@1","row":`+f.demo.rows[i]+`}`)
	check(status, answer, row)
	id := fmt.Sprintf("%d-%d", client, n)
	status, answer = s.post("/v1/score", payment("e-"+id, "2026-11-27T00:00:01Z", "c-"+id, "t-"+id, 77.5))
	check(status, answer, func(k int) float64 { return fresh[k] })
	status, answer = s.post("/v1/labels", fmt.Sprintf(`{"labels":[{"event_id":"e-%s","label":"fraud","time":"2026-11-28T00:00:00Z"}]}`, id))
	if status != 200 || !strings.Contains(answer, `"known":1`) {
		f.t.Errorf("label: %d %s", status, answer)
	}
	f.askBatch(st, s, i)
}

func (f *forge) askBatch(st *stream, s *server, first int) {
	var items []string
	for n := range 20 {
		items = append(items, `{"row":`+f.demo.rows[(first+n)%len(f.demo.rows)]+`}`)
	}
	status, answer := s.post("/v1/score/batch", `{"events":[`+strings.Join(items, ",")+`]}`)
	var got struct {
		Version int
		Results []scored
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || status != 200 || len(got.Results) != 20 {
		f.t.Errorf("batch: %d %.200s", status, answer)
		return
	}
	for n, r := range got.Results {
		if want := f.values[kind(got.Version)][(first+n)%len(f.demo.rows)]; float32(r.score(f.t)) != want {
			f.t.Errorf("batch: version %d says %v, and scores %v", got.Version, r.Score, want)
		}
	}
	st.answers.Add(1)
}

// fresh returns what each kind says of the first payment of a card at a new terminal.
func (f *forge) fresh() []float64 {
	var all []float64
	for _, template := range f.templates {
		s := start(f.t, nil, template)
		_, answer := s.post("/v1/score", payment("e", "2026-11-27T00:00:01Z", "c", "t", 77.5))
		all = append(all, float64(float32(scoreOf(f.t, 200, answer).score(f.t))))
	}
	return all
}

func TestModelsChangeAThousandTimesWhileRequestsFlow(t *testing.T) {
	swaps := 1000
	if testing.Short() || raceDetector {
		swaps = 60
	}
	f := newForge(t)
	dir, fresh := t.TempDir(), f.fresh()
	f.add(dir, "fraud", 1)
	s := f.serve(dir, func(c *Config) { c.Models.Poll = time.Millisecond; c.Replay.Bytes = 1 << 20 })
	var st stream
	var stop atomic.Bool
	var clients sync.WaitGroup
	for client := range 3 {
		clients.Go(func() {
			for n := 0; !stop.Load() && !t.Failed(); n++ {
				f.ask(&st, s, client, n, fresh)
				time.Sleep(2 * time.Millisecond) // leaves time to load models in
			}
		})
	}
	for st.answers.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	var engines []weak.Pointer[besra.Model]
	good, refused, last := 0, 0, 1
	for version := 2; good < swaps && !t.Failed(); version++ {
		if version%7 == 0 {
			bad[version/7%len(bad)](f, dir, version)
			eventually(t, fmt.Sprintf("version %d is refused", version), func() bool {
				return slices.ContainsFunc(s.models.Set().Refused(), func(r registry.Refused) bool { return r.Version == version })
			})
			refused++
		} else {
			f.put(dir, "fraud", version, f.asking(version))
			eventually(t, fmt.Sprintf("version %d is live", version), func() bool { return s.live("fraud") == version })
			good++
			engines = append(engines, weak.Make(s.models.Set().Live("fraud").Engine))
		}
		if s.live("fraud") < last {
			t.Fatalf("version %d is live after %d", s.live("fraud"), last)
		}
		last = s.live("fraud")
		if old := version - 3; old > 1 {
			if err := os.RemoveAll(filepath.Join(dir, "fraud", strconv.Itoa(old))); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	clients.Wait()
	answered := 0
	st.by.Range(func(any, any) bool { answered++; return true })
	eventually(t, "what was removed is unloaded", func() bool { return len(s.Models()) <= 4 })
	eventually(t, "the memory of what was replaced has returned", func() bool {
		runtime.GC()
		return alive(engines) <= len(s.Models())
	})
	t.Logf("%d swaps, %d bad versions; %d answers by %d versions", good, refused, st.answers.Load(), answered)
	if answered < 10 {
		t.Errorf("only %d versions answered", answered)
	}
	f.swapQuietly(s, last)
	ready := 0
	for series := range s.page() {
		if strings.HasPrefix(series, "besra_model_ready") {
			ready++
		}
	}
	time.Sleep(1100 * time.Millisecond) // figures are told each second
	figures := 0
	for series := range s.page() {
		if of, ok := strings.CutPrefix(series, "besra_labelled_share"); ok {
			figures++
			if !slices.ContainsFunc(s.Models(), func(m *registry.Model) bool { return strings.Contains(of, fmt.Sprintf(`version="%d"`, m.Version)) }) {
				t.Errorf("a figure of a version that is not served: %s", series)
			}
		}
	}
	if figures == 0 {
		t.Error("no figures are told")
	}
	if ready != len(s.Models()) {
		t.Errorf("%d series of versions, %d are served", ready, len(s.Models()))
	}
}

// swapQuietly changes models without requests: whatever the heap grows by is theirs.
func (f *forge) swapQuietly(s *server, last int) {
	f.t.Helper()
	next := func() {
		last++
		f.add(s.config.Models.Dir, "fraud", last)
		eventually(f.t, fmt.Sprintf("version %d is live", last), func() bool { return s.live("fraud") == last })
		if err := os.RemoveAll(filepath.Join(s.config.Models.Dir, "fraud", strconv.Itoa(last-1))); err != nil {
			f.t.Fatal(err)
		}
		eventually(f.t, "the one before is unloaded", func() bool { return s.models.Set().Version("fraud", last-1) == nil })
	}
	for range 5 { // what requests have left behind goes
		next()
		s.client.CloseIdleConnections()
		runtime.GC()
	}
	before := heap()
	for range 30 {
		next()
	}
	after := heap()
	f.t.Logf("heap %d KiB before and %d KiB after 30 swaps", before>>10, after>>10)
	if after > before+3<<20 {
		f.t.Errorf("heap %d KiB before, %d KiB after", before>>10, after>>10)
	}
}

func alive(engines []weak.Pointer[besra.Model]) (n int) {
	for _, e := range engines {
		if e.Value() != nil {
			n++
		}
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
