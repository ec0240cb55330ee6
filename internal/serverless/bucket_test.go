//go:build unix

package serverless

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
)

// fromBucket starts a function without a model in its zip, which finds it in a bucket of server.
func fromBucket(t *testing.T, server *s3test.Server, change func(*lambdasim.Options)) function {
	t.Helper()
	root := t.TempDir()
	return start(t, "http-api", func(o *lambdasim.Options) {
		o.TaskRoot = root
		if change != nil {
			change(o)
		}
	}, "AWS_ENDPOINT_URL_S3="+server.URL, "BESRA_MODELS_DIR=s3://models/of/besra")
}

// filled is a server with the demo's bundle.
func filled(t *testing.T) *s3test.Server {
	t.Helper()
	s := s3test.Start(t)
	for name, content := range s3test.Files(t, "../../models/fraud/1") {
		s.Put(path.Join("models/of/besra/fraud/1", name), content)
	}
	return s
}

func TestAFunctionFindsItsModelInABucket(t *testing.T) {
	t.Parallel()
	server := filled(t)
	f, reference := fromBucket(t, server, nil), serve(t)
	body := `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`
	if got, want := f.post("/v1/score", body), string(reference.Post("/v1/score", body).Body); got.Body != want {
		t.Errorf("got %v, not %s", got, want)
	}
}

func TestABucketThatBreaksTheRules(t *testing.T) {
	t.Parallel()
	onModel := func(do func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/model.ubj") {
				return false
			}
			do(w, r)
			return true
		}
	}
	for name, c := range map[string]struct {
		breaks func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"denied": {onModel(func(w http.ResponseWriter, r *http.Request) {
			s3test.Refuse(w, r, http.StatusForbidden, "AccessDenied", "Access Denied")
		}), "AccessDenied"},
		"a bucket that is not there": {func(w http.ResponseWriter, r *http.Request) bool {
			s3test.Refuse(w, r, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
			return true
		}, "NoSuchBucket"},
		"always busy": {func(w http.ResponseWriter, r *http.Request) bool {
			s3test.Refuse(w, r, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
			return true
		}, "SlowDown"},
		"bodies are cut": {onModel(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(make([]byte, 1000))
			panic(http.ErrAbortHandler)
		}), "model.ubj"},
		"silence": {func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			return true
		}, "too slow: no whole answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := filled(t)
			server.Break(c.breaks)
			f := fromBucket(t, server, nil)
			began := time.Now()
			refused(t, f, c.want)
			if took := time.Since(began); took > 30*time.Second { // INIT is tried twice
				t.Errorf("after %v: INIT has ten seconds", took)
			}
			server.Break(nil) // the next environment finds what it needs
			if got := f.post("/v1/score", `{"row":[1,0,0,1,1,1,1,1,1,1,0,1,0,1,0]}`); got.Status != 200 {
				t.Errorf("afterwards: %v", got)
			}
		})
	}
	t.Run("a file that is another than the manifest lists", func(t *testing.T) {
		t.Parallel()
		server := filled(t)
		server.Put("models/of/besra/fraud/1/model.ubj", "no model")
		refused(t, fromBucket(t, server, nil), "model.ubj is not the file that bundle.yaml lists")
	})
}

func TestATemporaryDirectoryWithoutRoom(t *testing.T) {
	t.Parallel()
	t.Run("files may be no larger", func(t *testing.T) {
		t.Parallel()
		limited := filepath.Join(t.TempDir(), "bootstrap")
		script := fmt.Sprintf("#!/bin/sh\nulimit -f 512 && exec %s\n", besratest.Bootstrap(t))
		if err := os.WriteFile(limited, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		refused(t, fromBucket(t, filled(t), func(o *lambdasim.Options) { o.Bootstrap = limited }), "file too large")
	})
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k", "besra-test", dir).CombinedOutput(); err != nil {
		t.Logf("besides, a full file system would be tried if one could be mounted: %s", out)
		return
	}
	t.Run("the file system is full", func(t *testing.T) {
		t.Cleanup(func() {
			if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
				t.Errorf("%s", out)
			}
		})
		refused(t, fromBucket(t, filled(t), func(o *lambdasim.Options) { o.TempDir = dir }), "no space left on device")
	})
}
