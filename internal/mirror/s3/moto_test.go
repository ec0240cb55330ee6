package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

// moto reads requests, and writes answers, by the descriptions of the interface that AWS's own tools have.
func TestMoto(t *testing.T) {
	m := s3test.StartMoto(t)
	s3test.Setenv(t, m.URL)
	m.Bucket("models")
	b := open(t, "models")
	b.patience, b.answerTime = time.Minute, time.Minute

	t.Run("keys of all kinds are listed and fetched", func(t *testing.T) {
		keys := slices.DeleteFunc(slices.Clone(awkward), func(key string) bool { return key == "a//b" || key == "a%2Fb" }) // which the client of the test cannot write
		for _, key := range keys {
			m.Put("models/keys/"+key, "content of "+key)
		}
		all, err := b.List(t.Context(), "keys/", 100)
		if err != nil || len(all) != len(keys) {
			t.Fatalf("got %d of %d: %v", len(all), len(keys), err)
		}
		for _, o := range all {
			var to memory
			if err := b.Fetch(t.Context(), o, &to); err != nil || string(to.bytes) != "content of "+o.Key[len("keys/"):] {
				t.Errorf("%q: %q, %v", o.Key, to.bytes, err)
			}
			if got, err := b.Stat(t.Context(), o.Key); err != nil || got != o {
				t.Errorf("%q: %+v, and listed as %+v: %v", o.Key, got, o, err)
			}
		}
	})
	t.Run("a large object is fetched in parts", func(t *testing.T) {
		b.partSize = 1 << 20
		content := text(5<<20 + 123)
		m.Put("models/big", content)
		if got, err := fetch(t, b, "big"); err != nil || got != content {
			t.Errorf("%d bytes: %v", len(got), err)
		}
	})
	t.Run("a list has many pages", func(t *testing.T) {
		for i := range 1203 {
			m.Put(fmt.Sprintf("models/many/%04d", i), "x")
		}
		all, err := b.List(t.Context(), "many/", 2000)
		if err != nil || len(all) != 1203 || all[1202].Key != "many/1202" {
			t.Errorf("got %d: %v", len(all), err)
		}
	})
	t.Run("what is not there is told", func(t *testing.T) {
		if _, err := b.Stat(t.Context(), "other"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
		_, err := open(t, "nobody").List(t.Context(), "", 10)
		var r *Refusal
		if !errors.As(err, &r) || r.Code != "NoSuchBucket" || r.Status != 404 || r.ID == "" {
			t.Errorf("got %v", err)
		}
	})
}
