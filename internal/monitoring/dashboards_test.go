//go:build unix

package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A dashboard is what is asked by one of deploy/monitoring/grafana.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Definition string }
	}
	Annotations struct {
		List []struct{ Expr string }
	}
	Panels []struct {
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

func dashboards(t testing.TB) (all []dashboard) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dashboardsDir, "*.json"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d dashboards, %v", len(paths), err)
	}
	for _, path := range paths {
		var d dashboard
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if d.UID+".json" != filepath.Base(path) {
			t.Errorf("%s has the uid %s", path, d.UID)
		}
		all = append(all, d)
	}
	return all
}

// A question is a query of a panel, with every variable at its widest.
type question struct{ board, panel, expr string }

// questions returns every query of every dashboard.
func questions(t testing.TB) (all []question) {
	t.Helper()
	for _, d := range dashboards(t) {
		replace := []string{"$__rate_interval", "10s"}
		for _, v := range d.Templating.List {
			replace = append(replace, "$"+v.Name, ".*")
		}
		widest := strings.NewReplacer(replace...)
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, question{d.UID, p.Title, widest.Replace(target.Expr)})
			}
		}
		for _, a := range d.Annotations.List {
			all = append(all, question{d.UID, "(alarms)", widest.Replace(a.Expr)})
		}
		for _, v := range d.Templating.List {
			if of, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
				metric := of[:strings.LastIndexByte(of, ',')]
				all = append(all, question{d.UID, "$" + v.Name, widest.Replace(metric)})
			}
		}
	}
	return all
}

func TestDashboards(t *testing.T) {
	t.Parallel()
	t.Run("they are what make generate makes", func(t *testing.T) {
		dir := t.TempDir()
		if out, err := exec.Command("go", "run", "github.com/besra-ml/besra/deploy/monitoring/grafana", "-o", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		made, err := os.ReadDir(dir)
		if err != nil || len(made) != len(dashboards(t)) {
			t.Errorf("%d are made of %d: %v", len(made), len(dashboards(t)), err)
		}
		for _, f := range made {
			want, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dashboardsDir, f.Name())); err != nil || string(got) != string(want) {
				t.Errorf("%s is stale: make generate", f.Name())
			}
		}
	})
	t.Run("no panel lies on another, and each asks something", func(t *testing.T) {
		for _, d := range dashboards(t) {
			taken := map[[2]int]string{}
			for _, p := range d.Panels {
				if p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
					t.Errorf("%s: %+v", d.UID, p)
				}
				if (len(p.Targets) == 0) != (p.Type == "row") {
					t.Errorf("%s: %s asks nothing", d.UID, p.Title)
				}
				for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
					for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
						if taken[[2]int{x, y}] != "" {
							t.Fatalf("%s: %s lies on %s", d.UID, p.Title, taken[[2]int{x, y}])
						}
						taken[[2]int{x, y}] = p.Title
					}
				}
			}
		}
	})
}
