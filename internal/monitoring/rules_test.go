//go:build unix

package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A ruleFile is a file of rules as Prometheus reads it, as far as ours go.
type ruleFile struct {
	name   string
	Groups []group `yaml:"groups"`
}

type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval,omitempty"`
	Rules    []rule `yaml:"rules"`
}

// A rule records, or raises an alarm.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

func readRules(t testing.TB) (all []ruleFile) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(prometheusDir, "rules", "*.yml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, path := range paths {
		f := ruleFile{name: filepath.Base(path)}
		readYAML(t, path, &f)
		all = append(all, f)
	}
	return all
}

func readYAML(t testing.TB, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, into, yaml.Strict())
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// rules returns every rule that holds.
func rules(t testing.TB, holds func(rule) bool) (all []rule) {
	for _, f := range readRules(t) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if holds(r) {
					all = append(all, r)
				}
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no such rules")
	}
	return all
}

func alerts(t testing.TB) []rule {
	return rules(t, func(r rule) bool { return r.Alert != "" })
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		missing(t, "there is no promtool here (Debian: prometheus)")
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtool(t *testing.T) {
	t.Parallel()
	files := func(dir string) []string {
		paths, err := filepath.Glob(filepath.Join(prometheusDir, dir, "*.yml"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("nothing in %s: %v", dir, err)
		}
		return paths
	}
	t.Run("rules are well-formed", func(t *testing.T) {
		promtool(t, append([]string{"check", "rules"}, files("rules")...)...)
	})
	t.Run("alarms are raised by faults, not by health, and end", func(t *testing.T) {
		promtool(t, append([]string{"test", "rules"}, files("tests")...)...)
	})
	t.Run("the configuration is well-formed, with a key beside it", func(t *testing.T) {
		dir := copyPrometheusDir(t)
		if err := os.WriteFile(filepath.Join(dir, "besra.key"), []byte("key\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		promtool(t, "check", "config", filepath.Join(dir, "prometheus.yml"))
	})
}

// Every alarm has tests of its own in which it is raised, is not before, and ends.
func TestAlarmsHaveTests(t *testing.T) {
	type tests struct {
		Tests []struct {
			Alerts []struct {
				Name   string           `yaml:"alertname"`
				Time   string           `yaml:"eval_time"`
				Alerts []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	paths, err := filepath.Glob(filepath.Join(prometheusDir, "tests", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	raised := map[string][]string{} // severities
	story := map[string]string{}    // of each alarm: - nothing, ! raised
	for _, path := range paths {
		var f tests
		text, err := os.ReadFile(path)
		if err == nil {
			err = yaml.Unmarshal(text, &f)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, test := range f.Tests {
			for _, a := range test.Alerts {
				if len(a.Alerts) == 0 {
					story[a.Name] += "-"
					continue
				}
				story[a.Name] += "!"
				for _, e := range a.Alerts {
					labels, _ := e["exp_labels"].(map[string]any)
					raised[a.Name] = append(raised[a.Name], labels["severity"].(string))
				}
			}
			for name := range story {
				story[name] += " "
			}
		}
	}
	for _, r := range alerts(t) {
		if !regexp.MustCompile(`-!+-|-!+ `).MatchString(story[r.Alert]) {
			t.Errorf("no test has %s raised after health: %q", r.Alert, story[r.Alert])
		}
		if !slices.Contains(raised[r.Alert], r.Labels["severity"]) {
			t.Errorf("no test has %s raised as a %s", r.Alert, r.Labels["severity"])
		}
	}
}

// Whoever is called finds what to do: the alarm names its runbook, and that has all its parts.
func TestRunbooks(t *testing.T) {
	const home = "https://github.com/besra-ml/besra/blob/main/docs/runbooks/"
	known := map[string]bool{"README.md": true}
	for _, r := range alerts(t) {
		known[r.Alert+".md"] = true
		if got := r.Annotations["runbook_url"]; got != home+r.Alert+".md" {
			t.Errorf("%s: its runbook is %q", r.Alert, got)
		}
		if r.Annotations["summary"] == "" || len(r.Annotations) != 2 {
			t.Errorf("%s: its annotations are %v, want a summary and a runbook", r.Alert, r.Annotations)
		}
		if severity := r.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s: its severity is %q", r.Alert, severity)
		}
		text, err := os.ReadFile(filepath.Join(runbooksDir, r.Alert+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		at := 0
		for _, part := range []string{"# " + r.Alert + "\n", "## What it means\n", "## What users feel\n", "## Look at\n", "## Do\n", "## Afterwards\n"} {
			i := strings.Index(string(text[at:]), part)
			if i < 0 {
				t.Errorf("%s.md: no %q, or not in its place", r.Alert, strings.TrimSpace(part))
				break
			}
			at += i
		}
	}
	files, err := os.ReadDir(runbooksDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("%s is the runbook of no alarm", f.Name())
		}
	}
}
