package stack_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// lint has cfn-lint, which .ci/cfn-lint brings to .cache, look at templates, by name, and returns what it says of each.
func lint(t testing.TB, templates map[string]string) map[string][]string {
	t.Helper()
	program, err := filepath.Abs("../../../.cache/venv-cfn-lint/bin/cfn-lint")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		const what = "there is no cfn-lint in .cache: bash .ci/cfn-lint"
		if os.Getenv("BESRA_REQUIRE") != "" {
			t.Fatal(what)
		}
		t.Skip("NOT RUN: " + what)
	}
	dir := t.TempDir()
	args := []string{"--format", "json", "--non-zero-exit-code", "none", "--regions", "us-east-1", "eu-west-1", "--template"}
	for name, text := range templates {
		path := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cfn-lint: %v\n%s", err, out)
	}
	var found []struct {
		Filename, Message string
		Rule              struct{ ID string }
		Location          struct{ Start struct{ LineNumber int } }
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("cfn-lint: %v\n%s", err, out)
	}
	said := map[string][]string{}
	for _, f := range found {
		name := filepath.Base(f.Filename)
		name = name[:len(name)-len(".yaml")]
		said[name] = append(said[name], f.Rule.ID+" "+f.Message)
	}
	return said
}
