package s3

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ mirror.Source = (*Bucket)(nil)

// open returns a bucket at a server, which is patient for a moment only.
func open(t testing.TB, name string) *Bucket {
	t.Helper()
	b, err := New(Options{Bucket: name, Metrics: &telemetry.New(telemetry.Options{}).Mirror})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.patience, b.pause, b.answerTime = 500*time.Millisecond, time.Millisecond, 300*time.Millisecond
	return b
}

// started returns a server of ours, at which the environment points, and its bucket "models".
func started(t *testing.T) (*s3test.Server, *Bucket) {
	t.Helper()
	s := s3test.Start(t)
	s3test.Setenv(t, s.URL)
	return s, open(t, "models")
}

// A memory is where an object is written to.
type memory struct {
	mu    sync.Mutex
	bytes []byte
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := int(at) + len(p); end > len(m.bytes) {
		m.bytes = append(m.bytes, make([]byte, end-len(m.bytes))...)
	}
	return copy(m.bytes[at:], p), nil
}

// fetch returns an object as the list has it.
func fetch(t *testing.T, b *Bucket, key string) (string, error) {
	t.Helper()
	all, err := b.List(t.Context(), key, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if o.Key == key {
			var to memory
			err := b.Fetch(context.WithoutCancel(t.Context()), o, &to)
			return string(to.bytes), err
		}
	}
	t.Fatalf("%s is not listed", key)
	return "", nil
}
