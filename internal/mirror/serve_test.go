package mirror_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

const demoBundle = "../../models/fraud/1"

// demo returns the files of the demo's bundle, as another version.
func demo(t *testing.T, version int) map[string]string {
	t.Helper()
	files := s3test.Files(t, demoBundle)
	files["bundle.yaml"] = strings.Replace(files["bundle.yaml"], "version: 1\n", "version: "+strconv.Itoa(version)+"\n", 1)
	return files
}

func putAll(m *s3test.Moto, at string, files map[string]string) {
	for name, content := range files {
		m.Put(at+"/"+name, content)
	}
}

// goldenRow is a question for the demo's model.
func goldenRow(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(demoBundle, "golden/rows.csv"))
	must(t, err)
	cells := strings.Split(strings.Split(string(text), "\n")[1], ",")
	for i := range cells {
		if cells[i] == "" {
			cells[i] = "null"
		}
	}
	return `{"row":[` + strings.Join(cells, ",") + `]}`
}

// The real program, with models in a moto.
func TestServe(t *testing.T) {
	besra := besratest.Program(t) // before it is said where temporary files are
	m := s3test.StartMoto(t)
	s3test.Setenv(t, m.URL)
	t.Setenv("TMPDIR", t.TempDir())
	m.Bucket("models")
	putAll(m, "models/m/fraud/1", demo(t, 1))
	putAll(m, "models/m/fraud/2", demo(t, 2))
	m.Put("models/fraud.ubj", demo(t, 1)["model.ubj"])
	row := goldenRow(t)

	t.Run("a directory of models", func(t *testing.T) {
		p := besratest.Start(t, besra, "serve", "s3://models/m", "--listen", "127.0.0.1:0", "--admin-listen", "", "--models-poll", "100ms", "--models-cache", t.TempDir())
		p.Ready()
		version := func() int {
			var got struct {
				Version int
				Score   *float64
			}
			a := p.Post("/v1/score", row)
			if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 200 || got.Score == nil {
				t.Fatalf("got %v", a)
			}
			return got.Version
		}
		if v := version(); v != 2 {
			t.Fatalf("version %d answers", v)
		}
		putAll(m, "models/m/fraud/3", demo(t, 3))
		p.Until("version 3 answers", func() bool { return version() == 3 })

		broken := demo(t, 4)
		broken["model.ubj"] = strings.Replace(broken["model.ubj"], "split", "spilt", 1)
		putAll(m, "models/m/fraud/4", broken)
		p.Until("version 4 is refused", func() bool {
			return strings.Contains(string(p.Get("/v1/models").Body), `is not the file that bundle.yaml lists`)
		})
		if v := version(); v != 3 {
			t.Errorf("version %d answers", v)
		}

		m.Put("models/m/fraud/live", "1\n")
		p.Until("version 1 answers", func() bool { return version() == 1 })
		m.Delete("models/m/fraud/live")
		p.Until("version 3 answers again", func() bool { return version() == 3 })

		putAll(m, "models/m/fraud/4", demo(t, 4))
		p.Until("version 4 answers, now that it is whole", func() bool { return version() == 4 })
		p.Stop()
	})
	t.Run("a model file", func(t *testing.T) {
		p := besratest.Start(t, besra, "serve", "s3://models/fraud.ubj", "--listen", "127.0.0.1:0", "--admin-listen", "")
		p.Ready()
		if a := p.Post("/v1/score", row); a.Status != 200 {
			t.Errorf("got %v", a)
		}
		p.Stop()
	})
	t.Run("verbs", func(t *testing.T) {
		for _, c := range []struct {
			args, says string
			code       int
		}{
			{"inspect s3://models/m/fraud/2", "fraud", 0},
			{"inspect s3://models/fraud.ubj", "unproven", 0},
			{"verify s3://models/m/fraud/2", "proven: every answer is its trainer's, to the bit", 0},
			{"predict s3://models/m/fraud/2 " + demoBundle + "/golden/rows.csv", "value\n", 0},
			{"verify s3://models/fraud.ubj", "besra verify: s3://models/fraud.ubj: a bare model file has nothing to prove it by; say --golden DIR\n", 1},
			{"inspect s3://models/other", "besra inspect: s3://models/other: nothing is there: file does not exist\n", 1},
			{"serve s3://nobody", "besra serve: s3://nobody: NoSuchBucket: ", 1},
			{"models use fraud@1 --offline --models-dir s3://models/m", "besra models: s3://models/m: a pin there is an object: echo 1 | aws s3 cp - s3://models/m/fraud/live\n", 1},
		} {
			cmd := exec.CommandContext(context.Background(), besra, strings.Fields(c.args)...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.says) || c.code != 0 && strings.Count(string(out), "\n") != 1 {
				t.Errorf("%s: %v, %.500s", c.args, err, out)
			}
		}
	})
	for name := range s3test.Files(t, os.Getenv("TMPDIR")) {
		if filepath.Base(name) != "lock" {
			t.Errorf("left: %s", name)
		}
	}
}
