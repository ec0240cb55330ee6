package s3

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// text returns n letters that do not repeat in parts.
func text(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b)
}

func TestAnObjectIsFetchedInParts(t *testing.T) {
	for _, size := range []int{0, 1, 999, 1000, 1001, 1999, 2000, 12_345} {
		s, b := started(t)
		b.partSize = 1000
		content := text(size)
		s.Put("models/big", content)
		if size == 0 {
			continue // nothing to fetch: the mirror does not ask
		}
		got, err := fetch(t, b, "big")
		if err != nil || got != content {
			t.Errorf("%d bytes: %v", size, err)
		}
		if asked := len(s.Asked()) - 1; asked != (size+999)/1000 {
			t.Errorf("%d bytes: asked %d times", size, asked)
		}
		if n := b.metrics.Bytes.Value(); n != uint64(size) {
			t.Errorf("%d bytes: counted %d", size, n)
		}
	}
}

func TestOnlyThePartThatFailedIsFetchedAgain(t *testing.T) {
	s, b := started(t)
	b.partSize = 1000
	content := text(5500)
	s.Put("models/big", content)
	var faults atomic.Int32
	s.Break(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Range") != "bytes=2000-2999" || faults.Add(1) > 2 {
			return false
		}
		w.Header().Set("Content-Length", "1000")
		w.Header().Set("Content-Range", "bytes 2000-2999/5500")
		w.WriteHeader(206)
		_, _ = w.Write([]byte(strings.Repeat("?", 400)))
		return true
	})
	got, err := fetch(t, b, "big")
	if err != nil || got != content {
		t.Errorf("%v", err)
	}
	if asked := len(s.Asked()) - 1; asked != 6+2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestAnObjectThatChangesMeanwhileIsNotMixed(t *testing.T) {
	s, b := started(t)
	b.partSize = 1000
	s.Put("models/big", text(50_000))
	var n atomic.Int32
	s.Break(func(http.ResponseWriter, *http.Request) bool {
		if n.Add(1) == 5 {
			s.Put("models/big", strings.Repeat("x", 50_000))
		}
		return false
	})
	_, err := fetch(t, b, "big")
	if !errors.Is(err, mirror.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

func TestAServerWithoutRangesIsFoundOut(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"the whole":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text(1500))) },
		"another part":      func(w http.ResponseWriter, _ *http.Request) { part(w, "bytes 0-499/1500", 500) },
		"of another object": func(w http.ResponseWriter, _ *http.Request) { part(w, "bytes 1000-1499/9000", 500) },
	} {
		t.Run(name, func(t *testing.T) {
			s, b := started(t)
			b.partSize = 1000
			s.Put("models/big", text(1500))
			s.Break(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Range") == "bytes=1000-1499" {
					fault(w, r)
					return true
				}
				return false
			})
			if _, err := fetch(t, b, "big"); err == nil || errors.Is(err, mirror.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func part(w http.ResponseWriter, span string, n int) {
	w.Header().Set("Content-Range", span)
	w.WriteHeader(206)
	_, _ = w.Write([]byte(text(n)))
}

// errFull is what a disk says.
var errFull = errors.New("no space left")

type full struct{}

func (full) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestWhatCannotBeWrittenIsNotFetchedAgain(t *testing.T) {
	s, b := started(t)
	s.Put("models/a", text(100_000))
	all, err := b.List(t.Context(), "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	s.Asked()
	if err := b.Fetch(t.Context(), all[0], full{}); !errors.Is(err, errFull) || errors.Is(err, mirror.ErrUnavailable) || len(s.Asked()) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestStat(t *testing.T) {
	s, b := started(t)
	s.Put("models/fraud.ubj", "content")
	got, err := b.Stat(t.Context(), "fraud.ubj")
	if want := (mirror.Object{Key: "fraud.ubj", Size: 7, ETag: s3test.ETag([]byte("content"))}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err = b.Stat(t.Context(), "other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	s.Break(only(refuses(403, "AccessDenied", "")))
	_, err = b.Stat(t.Context(), "other")
	if want := "s3://models/other: Forbidden; the credentials' role needs s3:GetObject (403, request 4442587FB7D0A2F9)"; !errors.Is(err, fs.ErrPermission) || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestFewAreAskedForAtOnceAndConnectionsAreKept(t *testing.T) {
	s, b := started(t)
	b.partSize = 100
	s.Put("models/big", text(10_000))
	var now, most atomic.Int32
	clients := make(chan string, 1000)
	s.Break(func(_ http.ResponseWriter, r *http.Request) bool {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		clients <- r.RemoteAddr
		time.Sleep(2 * time.Millisecond)
		return false
	})
	if _, err := fetch(t, b, "big"); err != nil {
		t.Fatal(err)
	}
	close(clients)
	connections := map[string]bool{}
	for c := range clients {
		connections[c] = true
	}
	if most.Load() > parallel || most.Load() < 2 || len(connections) > parallel+2 {
		t.Errorf("%d at once, over %d connections", most.Load(), len(connections))
	}
}
