package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "besra.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestAFlagWinsOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	file := write(t, `
listen: 127.0.0.1:1
limits: {body: 2MiB, batch: 7}
timeouts:
  idle: 1d
unknown_features: ignore
insecure: true
`)
	got, from, err := Load(Sources{
		File:     file,
		Getenv:   environment(map[string]string{"BESRA_LISTEN": "127.0.0.1:2", "BESRA_LIMITS_BATCH": "8"}),
		Flags:    map[string]string{"listen": "127.0.0.1:3"},
		Defaults: Defaults(),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Listen, want.Limits.Body, want.Limits.Batch = "127.0.0.1:3", 2<<20, 8
	want.Timeouts.Idle, want.UnknownFeatures, want.Insecure = 24*time.Hour, "ignore", true
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	wantFrom := Origins{
		"listen": "--listen", "limits.batch": "BESRA_LIMITS_BATCH", "limits.body": file + ":3",
		"timeouts.idle": file + ":5", "unknown_features": file + ":6", "insecure": file + ":7",
	}
	if d := cmp.Diff(wantFrom, from); d != "" {
		t.Error(d)
	}
}

func TestBadSettingsAreRefusedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown name":        {"listn: x", `besra.yaml:1: unknown member "listn", did you mean "listen"?`},
		"an unknown nested name": {"limits:\n  bdoy: 1MiB", `besra.yaml:2: limits: unknown member "bdoy", did you mean "body"?`},
		"a size without a unit":  {"limits: {body: 12}", `besra.yaml:1: limits.body: want a size such as 64KiB, 1MiB or 500B, not "12"`},
		"a huge size":            {"limits: {body: 99999999999GiB}", "want a size"},
		"a duration of nothing":  {"timeouts: {idle: 0s}", "want a time"},
		"a section as a value":   {"limits: 3", `limits: want a map, not "3"`},
		"a list":                 {"listen: [a, b]", "listen: want text, not a list"},
		"a name twice":           {"listen: a\nlisten: b", "listen"},
		"no settings":            {"just words", "want a map"},
		"no YAML":                {"a: [", "besra.yaml:"},
		"a wrong choice":         {"unknown_features: perhaps", "want one of refuse, ignore"},
		"a wrong bool":           {"insecure: 1", "want true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(Sources{File: write(t, c.text), Getenv: environment(nil), Defaults: Defaults()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

func TestAnEmptyFileSaysNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "limits:\n"} {
		got, _, err := Load(Sources{File: write(t, text), Getenv: environment(nil), Defaults: Defaults()})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if d := cmp.Diff(Defaults(), got); d != "" {
			t.Error(d)
		}
	}
}

func TestANamedFileMustBeThere(t *testing.T) {
	_, _, err := Load(Sources{File: "/nowhere/besra.yaml", Getenv: environment(nil), Defaults: Defaults()})
	if err == nil {
		t.Error("it need not")
	}
}

func TestValuesReadBack(t *testing.T) {
	c := Defaults()
	for _, s := range c.Settings() {
		if v := s.Value.String(); v != "" {
			if err := s.Value.Set(v); err != nil {
				t.Errorf("%s: %q: %v", s.Name, v, err)
			}
		}
	}
	if d := cmp.Diff(Defaults(), c); d != "" {
		t.Error(d)
	}
	for d, want := range map[time.Duration]string{
		90 * time.Second: "1m30s", 2 * time.Minute: "2m", time.Hour: "1h", 7 * 24 * time.Hour: "7d", 1500 * time.Microsecond: "1.5ms",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
