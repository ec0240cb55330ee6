package valkeytest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// A Program is a server that can be had here.
type Program struct {
	Name    string // redis or valkey
	Version string // such as 7.0.15
	Path    string
}

func (p Program) String() string { return p.Name + " " + p.Version }

// Servers returns the programs that can be had: redis-server and valkey-server on PATH, else the Valkey that
// .ci/valkey has left in .cache/valkey. Without any the test is skipped; with BESRA_REQUIRE=1 it fails.
func Servers(t testing.TB) []Program {
	t.Helper()
	programs := found()
	if len(programs) == 0 {
		const missing = "there is no redis-server or valkey-server here (Debian: redis-server, or .ci/valkey)"
		if os.Getenv("BESRA_REQUIRE") != "" {
			t.Fatal(missing)
		}
		t.Skip("NOT RUN: " + missing)
	}
	return programs
}

// Each runs a test with every program that can be had. It says when Redis or Valkey is not among them.
func Each(t *testing.T, test func(t *testing.T, program Program)) {
	t.Helper()
	programs := Servers(t)
	if len(programs) == 1 {
		t.Logf("NOT RUN with another than %s (Debian: redis-server; .ci/valkey fetches a Valkey)", programs[0])
	}
	for _, program := range programs {
		t.Run(program.Name, func(t *testing.T) { test(t, program) })
	}
}

var found = sync.OnceValue(func() []Program {
	var programs []Program
	seen := map[string]bool{}
	for _, paths := range [][]string{{"redis-server"}, {"valkey-server", cached("valkey/valkey-server")}} {
		for _, path := range paths {
			program, err := identify(path)
			if err != nil || seen[program.Name] {
				continue // a redis-server may well be a link to a Valkey
			}
			seen[program.Name] = true
			programs = append(programs, program)
		}
	}
	return programs
})

// version finds name and version in "Redis server v=7.0.15 sha=…" and "Valkey server v=8.1.1 sha=…".
var version = regexp.MustCompile(`(?m)^(Redis|Valkey) server v=(\S+)`)

func identify(name string) (Program, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return Program{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return Program{}, fmt.Errorf("%s: %w: %s", path, err, out)
	}
	said := version.FindSubmatch(out)
	if said == nil {
		return Program{}, fmt.Errorf("%s: this is neither Redis nor Valkey: %s", path, out)
	}
	names := map[string]string{"Redis": "redis", "Valkey": "valkey"}
	return Program{Name: names[string(said[1])], Version: string(said[2]), Path: path}, nil
}

// cached returns the path of a file below .cache at the root of the module.
func cached(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		path := filepath.Join(dir, ".cache", filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second
