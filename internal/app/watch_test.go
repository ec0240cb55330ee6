package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/problem"
)

// directory makes a directory of these versions of fraud.
func (f *forge) directory(versions ...int) string {
	f.t.Helper()
	dir := f.t.TempDir()
	for _, v := range versions {
		f.add(dir, "fraud", v)
	}
	return dir
}

func (s *server) versions() []string {
	var all []string
	for _, m := range s.Models() {
		text := m.String()
		if m.Live {
			text += " live"
		}
		all = append(all, text)
	}
	return all
}

func (s *server) want(versions, refusals []string) {
	s.t.Helper()
	if d := cmp.Diff(versions, s.versions()); d != "" {
		s.t.Errorf("served: %s", d)
	}
	if d := cmp.Diff(refusals, s.refusals()); d != "" {
		s.t.Errorf("refused: %s", d)
	}
}

func these(texts ...string) []string { return texts }

func TestAHalfCopiedVersionWaits(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	dir := s.config.Models.Dir
	files := f.files("fraud", 2)
	for n, part := range [][]string{{"golden/rows.csv"}, {"bundle.yaml"}, {"golden/margin.csv", "golden/value.csv", "policy.yaml"}} {
		for _, file := range part {
			f.put(dir, "fraud", 2, map[string][]byte{file: files[file]})
		}
		f.put(dir, "fraud", 2, map[string][]byte{"model.ubj": files["model.ubj"][:1000*n+1]})
		s.rescan()
		s.rescan()
		s.want(these("fraud@1 live"), these("fraud@2: incomplete"))
	}
	if got := s.page()[`besra_model_refused_total{model="fraud",reason="incomplete"}`]; got != "1" {
		t.Errorf("counted %s times", got)
	}
	if status, answer := s.get("/readyz"); status != 200 || !strings.Contains(answer, `"ready":true,"refused":[{"name":"fraud","version":2,"reason":"incomplete"`) {
		t.Errorf("%d %s", status, answer)
	}
	f.put(dir, "fraud", 2, files)
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
	if _, answer := s.get("/readyz"); answer != `{"ready":true}` {
		t.Error(answer)
	}
}

func TestABadVersionStaysOut(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	reasons := these("unproven", "incomplete", "unreadable", "inconsistent", "unreadable")
	for i, spoil := range bad {
		spoil(f, s.config.Models.Dir, 2)
		s.rescan()
		s.rescan()
		s.want(these("fraud@1 live"), these("fraud@2: "+reasons[i]))
		for _, path := range these("/v1/status", "/readyz") {
			if status, answer := s.get(path); status != 200 || !strings.Contains(answer, reasons[i]) {
				t.Errorf("%s: %d %s", path, status, answer)
			}
		}
		series := fmt.Sprintf(`besra_model_refused_total{model="fraud",reason=%q}`, reasons[i])
		if got := s.page()[series]; got != "1" && i != 4 || i == 4 && got != "2" {
			t.Errorf("%s is %s", series, got)
		}
		status, answer := s.post("/v1/score", `{"model":"fraud@2",`+demoRow[1:])
		refused(t, status, answer, 404, "no-such-version")
		if err := os.RemoveAll(filepath.Join(s.config.Models.Dir, "fraud/2")); err != nil {
			t.Fatal(err)
		}
		s.rescan()
		s.want(these("fraud@1 live"), nil)
	}
	f.add(s.config.Models.Dir, "fraud", 2)
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
}

func TestAVersionDoesNotChange(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	dir := s.config.Models.Dir
	want := f.values[kind(2)][0]
	for range 2 {
		f.put(dir, "fraud", 2, f.files("fraud", 2)) // the same again
		s.rescan()
		s.rescan()
		s.rescan()
		s.want(these("fraud@2 live", "fraud@1"), nil)
		other := f.files("fraud", 3)
		other["bundle.yaml"] = []byte(strings.Replace(string(other["bundle.yaml"]), "version: 3", "version: 2", 1))
		f.put(dir, "fraud", 2, other)
		s.rescan()
		s.rescan()
		s.rescan()
		s.want(these("fraud@2 live", "fraud@1"), these("fraud@2: inconsistent"))
		_, answer := s.post("/v1/score", `{"row":`+f.demo.rows[0]+`}`)
		if got := scoreOf(t, 200, answer); got.Version != 2 || float32(got.score(t)) != want {
			t.Error(answer)
		}
	}
	// Back again, with the size and the time that it has now: only the contents tell.
	f.put(dir, "fraud", 2, f.files("fraud", 2))
	s.rescan()
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
	manifest := filepath.Join(dir, "fraud/2/bundle.yaml")
	info, err := os.Stat(manifest)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, manifest, "parity: exact", "parity: EXACT")
	if err := os.Chtimes(manifest, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for range regardless {
		s.rescan()
	}
	s.want(these("fraud@2 live", "fraud@1"), these("fraud@2: inconsistent"))
}

func TestWhatLeavesTheDirectoryIsUnloadedUnlessItIsLive(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2, 3), nil)
	dir := s.config.Models.Dir
	remove := func(version string) {
		if err := os.RemoveAll(filepath.Join(dir, "fraud", version)); err != nil {
			t.Fatal(err)
		}
		s.rescan()
		s.rescan()
	}
	remove("2")
	s.want(these("fraud@3 live", "fraud@1"), nil)
	if _, there := s.page()[`besra_model_ready{model="fraud",version="2"}`]; there {
		t.Error("the series of a version that is gone stay")
	}
	remove("3")
	s.rescan()
	s.want(these("fraud@3 live", "fraud@1"), nil)
	f.add(dir, "fraud", 4)
	s.rescan()
	s.want(these("fraud@4 live", "fraud@1"), nil)
	// A directory that cannot be looked at has not lost anything.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.want(these("fraud@4 live", "fraud@1"), nil)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	remove("1")
	s.want(these("fraud@4 live"), nil)
}

func TestThePinIsFollowed(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2, 3), nil)
	pin := filepath.Join(s.config.Models.Dir, "fraud", pinFile)
	write := func(text string) {
		if err := os.WriteFile(pin, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.rescan()
	}
	write("2\n")
	s.want(these("fraud@3", "fraud@2 live", "fraud@1"), nil)
	for _, text := range these("latest", "", "-1", "../3", strings.Repeat(" ", 100)+"3") {
		write(text)
		s.want(these("fraud@3", "fraud@2 live", "fraud@1"), these("fraud@0: unreadable"))
	}
	write("7")
	s.want(these("fraud@3", "fraud@2 live", "fraud@1"), these("fraud@7: inconsistent"))
	f.add(s.config.Models.Dir, "fraud", 7)
	write("7")
	s.want(these("fraud@7 live", "fraud@3", "fraud@2", "fraud@1"), nil)
	write("1")
	s.want(these("fraud@7", "fraud@3", "fraud@2", "fraud@1 live"), nil)
	if err := os.Remove(pin); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.rescan()
	s.want(these("fraud@7 live", "fraud@3", "fraud@2", "fraud@1"), nil)
	// A folder, or a way out, is no pin.
	if err := os.Symlink("/etc/hostname", pin); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.want(these("fraud@7 live", "fraud@3", "fraud@2", "fraud@1"), these("fraud@0: unreadable"))
	f.add(s.config.Models.Dir, "fraud", 8)
	s.rescan()
	s.want(these("fraud@8", "fraud@7 live", "fraud@3", "fraud@2", "fraud@1"), these("fraud@0: unreadable"))
	if err := os.Remove(pin); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.rescan()
	s.want(these("fraud@8 live", "fraud@7", "fraud@3", "fraud@2", "fraud@1"), nil)
}

func TestLinksOutOfTheDirectoryAreNotFollowed(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	outside := f.directory(2, 3)
	f.add(outside, "abuse", 1)
	s := f.serve(f.directory(1), nil)
	dir := s.config.Models.Dir
	link := func(from, to string) {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	link(filepath.Join(outside, "fraud/2"), "fraud/2")
	link(filepath.Join(outside, "abuse"), "abuse")
	f.put(dir, "fraud", 3, f.files("fraud", 3))
	if err := os.Remove(filepath.Join(dir, "fraud/3/model.ubj")); err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(outside, "fraud/3/model.ubj"), "fraud/3/model.ubj")
	s.rescan()
	if got := s.versions(); !slices.Equal(got, these("fraud@1 live")) {
		t.Errorf("served %v", got)
	}
	if got := s.refusals(); len(got) != 1 || !strings.HasPrefix(got[0], "fraud@3: ") {
		t.Errorf("refused %v", got)
	}
	// Nor for writing.
	link(outside, "linked")
	for _, name := range these("linked", "abuse") {
		if err := WritePin(dir, name, 1); err == nil {
			t.Errorf("%s: a pin was written through a link", name)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "abuse", pinFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a pin was written outside")
	}
	link(filepath.Join(outside, "elsewhere"), "fraud/"+pinFile)
	if err := WritePin(dir, "fraud", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the pin followed a link")
	}
	if data, err := os.ReadFile(filepath.Join(dir, "fraud", pinFile)); err != nil || string(data) != "1\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestNamesThatAreTricksTouchNoFile(t *testing.T) {
	t.Parallel()
	dir := newForge(t).directory(1)
	for _, name := range these("..", "../fraud", "fraud/../fraud", "/fraud", "", ".", "fraud\x00", "fr\u00e4ud", "Fraud", "%2e%2e", strings.Repeat("a", 65), "fraud/1", `fraud\1`) {
		if err := WritePin(dir, name, 1); err == nil || !strings.Contains(err.Error(), "want a name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, version := range []int{0, -1, 2} {
		if err := WritePin(dir, "fraud", version); err == nil {
			t.Errorf("version %d is pinned", version)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "fraud", pinFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a pin was written")
	}
}

// events gives the bundle of a version other events.
func (f *forge) events(version int, change func(string) string) map[string][]byte {
	files := f.files("fraud", version)
	files["features.yaml"] = []byte(change(string(files["features.yaml"])))
	unlist(files, "features.yaml")
	return files
}

func needing(field string) func(string) string {
	return func(text string) string {
		return strings.Replace(text, "columns:\n", "  - {name: "+field+", type: number, required: true}\ncolumns:\n", 1)
	}
}

func TestAVersionThatNeedsOtherFieldsWaitsForAChoice(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	dir := s.config.Models.Dir
	f.put(dir, "fraud", 2, f.events(2, needing("merchant_risk")))
	s.rescan()
	s.rescan()
	s.want(these("fraud@2", "fraud@1 live"), these("fraud@2: needs-choice"))
	if got := s.page()[`besra_model_refused_total{model="fraud",reason="needs-choice"}`]; got != "1" {
		t.Errorf("counted %s times", got)
	}
	pay := func(model, more string, code int) {
		t.Helper()
		body := fmt.Sprintf(`{"model":%q,"event":{"time":"2026-11-27T00:00:01Z","card":"c","terminal":"t","amount":1%s}}`, model, more)
		if status, answer := s.post("/v1/score", body); status != code {
			t.Errorf("%s: %d %s, want %d", body, status, answer, code)
		}
	}
	pay("fraud", "", 200)
	pay("fraud", `,"merchant_risk":1`, 200) // what one version needs the others accept
	pay("fraud@2", `,"merchant_risk":1`, 200)
	pay("fraud@2", "", 422)
	f.add(dir, "fraud", 3) // asks what version 1 does
	s.rescan()
	s.want(these("fraud@3 live", "fraud@2", "fraud@1"), nil)
	f.put(dir, "fraud", 4, f.events(4, needing("merchant_risk")))
	s.rescan()
	s.want(these("fraud@4", "fraud@3 live", "fraud@2", "fraud@1"), these("fraud@4: needs-choice"))
	if _, err := s.Use(context.Background(), "fraud", 4); err != nil {
		t.Fatal(err)
	}
	s.want(these("fraud@4 live", "fraud@3", "fraud@2", "fraud@1"), nil)
	pay("fraud", "", 422)
	pay("fraud", `,"merchant_risk":1`, 200)
	// What was chosen is chosen after the next start, too; without a choice it is as before.
	again := f.serve(dir, nil)
	again.want(these("fraud@4 live", "fraud@3", "fraud@2", "fraud@1"), nil)
	if err := os.Remove(filepath.Join(dir, "fraud", pinFile)); err != nil {
		t.Fatal(err)
	}
	again = f.serve(dir, nil)
	again.want(these("fraud@4", "fraud@3 live", "fraud@2", "fraud@1"), these("fraud@4: needs-choice"))
}

func TestEventsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	files := f.events(2, func(text string) string {
		return strings.Replace(text, "{name: amount, type: number, decimals: 2, required: true}", "{name: amount, type: number, decimals: 3, required: true}", 1)
	})
	f.put(s.config.Models.Dir, "fraud", 2, files)
	s.rescan()
	s.rescan()
	s.want(these("fraud@1 live"), these("fraud@2: inconsistent"))
	s.scores()
	// A start keeps the one that was there, too.
	f.serve(s.config.Models.Dir, nil).want(these("fraud@1 live"), these("fraud@2: inconsistent"))
}

func TestNewWindowsAreShortUntilTheyAreWhole(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"in memory":    func(*Config) {},
		"in state.dir": func(c *Config) { c.State.Dir = filepath.Join(t.TempDir(), "state") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newForge(t)
			f.t = t
			s := f.serve(f.directory(1), change)
			eventually(t, "it is ready", func() bool { return s.isReady() == nil })
			pay := func(model string, day int) scored {
				t.Helper()
				body := payment("", fmt.Sprintf("2026-10-%02dT12:00:00Z", day), "c", "t", 10)
				body = strings.Replace(body, `"event_id":""`, fmt.Sprintf(`"model":%q`, model), 1)
				status, answer := s.post("/v1/score", body)
				return scoreOf(t, status, answer)
			}
			pay("fraud", 1)
			pay("fraud", 2)
			old := s.models.Plan("fraud")
			f.put(s.config.Models.Dir, "fraud", 2, f.events(2, func(text string) string {
				return strings.Replace(text, "over: card, window: 7d}\n", "over: card, window: 6d}\n", 1)
			}))
			s.rescan()
			s.want(these("fraud@2 live", "fraud@1"), nil)
			if s.models.Plan("fraud") == old {
				t.Fatal("the plan is the old one")
			}
			if got := pay("fraud", 3); !slices.ContainsFunc(got.Warnings, func(w struct{ Code, Field string }) bool {
				return w.Code == "short-history" && w.Field == "card_count_1d"
			}) {
				t.Errorf("day 3: %+v", got)
			}
			if got := pay("fraud@1", 3); len(got.Warnings) > 0 {
				t.Errorf("version 1, whose windows are whole: %+v", got)
			}
			got := pay("fraud", 10)
			fields := map[string]bool{}
			for _, w := range got.Warnings {
				fields[w.Field] = w.Code == "short-history"
			}
			if fields["card_count_1d"] || fields["card_count_7d"] || !fields["card_count_30d"] {
				t.Errorf("day 10: %+v", got.Warnings)
			}
		})
	}
}

func TestTheSameEventsShareAPlan(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	plan := s.models.Plan("fraud")
	f.put(s.config.Models.Dir, "fraud", 2, f.events(2, func(text string) string { return "# other words\n" + text }))
	s.rescan()
	s.want(these("fraud@2 live", "fraud@1"), nil)
	if s.models.Plan("fraud") != plan {
		t.Error("another plan for the same events")
	}
}

// An event that was scored before a swap, and labelled after it, is marked in the histories of both versions.
func TestALabelFindsItsEventAcrossASwap(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	score := func(id, at, model string) scored {
		t.Helper()
		body := strings.Replace(payment(id, at, "c-"+id, "t", 10), `"event":`, `"model":"`+model+`","event":`, 1)
		status, answer := s.post("/v1/score", body)
		return scoreOf(t, status, answer)
	}
	first := score("e1", "2026-10-01T12:00:00Z", "fraud")
	f.add(s.config.Models.Dir, "fraud", 2)
	s.rescan()
	if status, answer := s.post("/v1/labels", `{"labels":[{"event_id":"e1","label":"fraud","time":"2026-10-02T00:00:00Z"}]}`); status != 200 || !strings.Contains(answer, `"known":1`) {
		t.Fatalf("%d %s", status, answer)
	}
	// The terminal's share of fraud until a week ago is 1 now, for a server that saw no swap, too.
	twin := f.serve(f.directory(1, 2), nil)
	twin.post("/v1/score", strings.Replace(payment("e1", "2026-10-01T12:00:00Z", "c-e1", "t", 10), `"event":`, `"model":"fraud@1","event":`, 1))
	unmarked := f.serve(f.directory(1, 2), nil)
	unmarked.post("/v1/score", strings.Replace(payment("e1", "2026-10-01T12:00:00Z", "c-e1", "t", 10), `"event":`, `"model":"fraud@1","event":`, 1))
	twin.post("/v1/labels", `{"labels":[{"event_id":"e1","label":"fraud","time":"2026-10-02T00:00:00Z"}]}`)
	second := score("e2", "2026-10-08T18:00:00Z", "fraud")
	_, answer := twin.post("/v1/score", payment("e2", "2026-10-08T18:00:00Z", "c-e2", "t", 10))
	want := scoreOf(t, 200, answer)
	_, answer = unmarked.post("/v1/score", payment("e2", "2026-10-08T18:00:00Z", "c-e2", "t", 10))
	if first.Version != 1 || second.Version != 2 || second.Score != want.Score {
		t.Errorf("%+v, then %+v, want %+v", first, second, want)
	}
	if without := scoreOf(t, 200, answer); without.Score == want.Score {
		t.Error("the label makes no difference, so that the test tells nothing")
	}
	// A repeat gets its first answer, whichever version is live.
	_, answer = s.post("/v1/score", payment("e1", "2026-10-01T12:00:00Z", "c-e1", "t", 10))
	if again := scoreOf(t, 200, answer); again.Version != 1 || again.Score != first.Score {
		t.Errorf("%+v, first %+v", again, first)
	}
}

func TestAPolicyDecidesForVersionsThatComeLater(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(version string) {
		text := "besra: 1\nmodels: {fraud: {version: " + version + ", cutoffs: {review: 0, decline: 0.000001}}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	s := f.serve(f.directory(1), func(c *Config) { c.Policy = path })
	f.add(s.config.Models.Dir, "fraud", 2)
	s.rescan()
	check := func(model, policy string) {
		t.Helper()
		_, answer := s.post("/v1/score", fmt.Sprintf(`{"model":%q,"row":%s}`, model, f.demo.rows[0]))
		if got := scoreOf(t, 200, answer); got.Policy != policy || got.Decision != "decline" {
			t.Errorf("%s: %+v", model, got)
		}
	}
	check("fraud", "first")
	write("second-one")
	s.watcher.Poll()
	check("fraud", "second-one")
	check("fraud@1", "second-one")
	f.add(s.config.Models.Dir, "fraud", 3)
	s.rescan()
	check("fraud@3", "second-one")
}

func TestSeveralModelsComeAndChange(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	dir := s.config.Models.Dir
	if _, answer := s.post("/v1/score", `{"row":`+f.demo.rows[0]+`}`); scoreOf(t, 200, answer).Version != 1 {
		t.Error(answer)
	}
	f.add(dir, "abuse", 4)
	f.add(dir, "fraud", 2)
	s.rescan()
	s.want(these("abuse@4 live", "fraud@2 live", "fraud@1"), nil)
	status, answer := s.post("/v1/score", `{"row":`+f.demo.rows[0]+`}`)
	refused(t, status, answer, 400, "bad-request")
	for model, version := range map[string]int{"abuse": 4, "fraud": 2, "fraud@1": 1} {
		_, answer := s.post("/v1/score", fmt.Sprintf(`{"model":%q,"row":%s}`, model, f.demo.rows[0]))
		if got := scoreOf(t, 200, answer); got.Version != version || float32(got.score(t)) != f.values[kind(version)][0] {
			t.Errorf("%s: %s", model, answer)
		}
		_, answer = s.post("/v1/score", fmt.Sprintf(`{"model":%q,"event":{"time":"2026-11-27T00:00:01Z","card":"c","terminal":"t","amount":1}}`, model))
		if got := scoreOf(t, 200, answer); len(got.Warnings) > 0 {
			t.Errorf("%s: %+v", model, got)
		}
	}
}

func TestOperatorsUseLoadAndUnload(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	ctx := context.Background()
	s := f.serve(f.directory(1, 2, 3), nil)
	dir := s.config.Models.Dir
	fails := func(err error, code problem.Code, says string) {
		t.Helper()
		var e *problem.Problem
		if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Detail, says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	c, err := s.Use(ctx, "fraud", 1)
	if err != nil || *c.Before != 3 || *c.Live != 1 || !c.Persisted {
		t.Errorf("%+v, %v", c, err)
	}
	s.want(these("fraud@3", "fraud@2", "fraud@1 live"), nil)
	if data, err := os.ReadFile(filepath.Join(dir, "fraud", pinFile)); err != nil || string(data) != "1\n" {
		t.Errorf("%q, %v", data, err)
	}
	_, err = s.Unload(ctx, "fraud", 1)
	fails(err, problem.BadRequest, "fraud@1 is live")
	if _, err = s.Unload(ctx, "fraud", 3); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.want(these("fraud@2", "fraud@1 live"), nil)
	if got := s.page()[`besra_model_ready{model="fraud",version="3"}`]; got != "0" {
		t.Errorf("ready is %s", got)
	}
	_, err = s.Use(ctx, "fraud", 3)
	fails(err, problem.NoSuchVersion, "load it first")
	if _, err = s.Load(ctx, "fraud", 3); err != nil {
		t.Fatal(err)
	}
	s.want(these("fraud@3", "fraud@2", "fraud@1 live"), nil)
	_, err = s.Use(ctx, "fraud", 9)
	fails(err, problem.NoSuchVersion, "fraud has no version 9")
	_, err = s.Use(ctx, "abuse", 1)
	fails(err, problem.NoSuchModel, "no model abuse")
	bad[0](f, dir, 4)
	_, err = s.Load(ctx, "fraud", 4)
	fails(err, problem.ModelRefused, "unproven")
	_, err = s.Use(ctx, "fraud", 4)
	fails(err, problem.ModelRefused, "unproven")
	f.add(dir, "fraud", 5) // use looks for itself
	if c, err = s.Use(ctx, "fraud", 5); err != nil || *c.Live != 5 {
		t.Errorf("%+v, %v", c, err)
	}
	var got []string
	for _, v := range s.Versions() {
		got = append(got, fmt.Sprintf("%s@%d %s %s", v.Name, v.Version, v.State, v.Reason))
	}
	slices.Sort(got)
	want := these("fraud@1 ready ", "fraud@2 ready ", "fraud@3 ready ", "fraud@4 refused unproven", "fraud@5 live ")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAModelOfItsOwnPathIsPinnedInMemory(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	dir := f.directory(1, 2)
	s := start(t, nil, filepath.Join(dir, "fraud/1"), filepath.Join(dir, "fraud/2"))
	c, err := s.Use(context.Background(), "fraud", 1)
	if err != nil || c.Persisted || *c.Live != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	s.want(these("fraud@2", "fraud@1 live"), nil)
	if _, err := s.Unload(context.Background(), "fraud", 2); err != nil {
		t.Fatal(err)
	}
	s.want(these("fraud@1 live"), nil)
	if _, err := s.Load(context.Background(), "fraud", 2); err != nil {
		t.Fatal(err)
	}
	s.want(these("fraud@2", "fraud@1 live"), nil)
	if _, err := os.Stat(filepath.Join(dir, "fraud", pinFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a pin was written")
	}
	if _, err := s.Unload(context.Background(), "fraud", 2); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "fraud/2/model.ubj")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(context.Background(), "fraud", 2); err == nil || !strings.Contains(err.Error(), "incomplete: model.ubj is missing") || strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	s.want(these("fraud@1 live"), these("fraud@2: incomplete"))
}

func TestModelsAreNotChangedBeforeRecovery(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	a := newApp(t, func() Config {
		c := Defaults()
		c.Models.Dir, c.State.Dir = f.directory(1, 2), filepath.Join(t.TempDir(), "state")
		return c
	}())
	defer a.closeState()
	_, err := a.Use(context.Background(), "fraud", 1)
	var e *problem.Problem
	if !errors.As(err, &e) || e.Code != problem.NotReady {
		t.Errorf("error %v", err)
	}
}

func TestTheDirectoryIsWatched(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), func(c *Config) { c.Models.Poll = 5 * time.Millisecond })
	f.add(s.config.Models.Dir, "fraud", 2)
	eventually(t, "version 2 is live", func() bool { return s.live("fraud") == 2 })
	c := Defaults()
	c.Models.Dir, c.Models.Poll = s.config.Models.Dir, 0
	if _, err := New(c, testBackends(), nil, s.log); err == nil || !strings.Contains(err.Error(), "models.poll") {
		t.Errorf("error %v", err)
	}
}
