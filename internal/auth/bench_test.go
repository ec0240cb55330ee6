package auth_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

// BenchmarkAuthenticate asks with 2,048 keys in turn, by the wall clock, as a server does.
func BenchmarkAuthenticate(b *testing.B) {
	d, keys := manyKeys(b, 2048)
	a := auth.New(auth.Options{Keys: d.watcher})
	headers := func(of func(key string) http.Header) []http.Header {
		all := make([]http.Header, len(keys))
		for i := range keys {
			all[i] = of(keys[i])
		}
		return all
	}
	ask := func(b *testing.B, all []http.Header, query string, good bool) {
		b.ReportAllocs()
		c := auth.Credentials{Address: client, Query: query}
		for i := 0; b.Loop(); i++ {
			c.Header = all[i%len(all)]
			if _, err := a.Authenticate(b.Context(), &c); (err == nil) != good {
				b.Fatal(err)
			}
		}
	}
	d.create(auth.Entry{Name: "mesh", Certificate: "spiffe://shop/eu"})
	good := headers(bearer)
	b.Run("good", func(b *testing.B) { ask(b, good, "", true) })
	b.Run("good with a query", func(b *testing.B) { ask(b, good, "explain=3&verbose=true", true) })
	b.Run("a certificate", func(b *testing.B) {
		b.ReportAllocs()
		c := auth.Credentials{Address: client, Certificate: certificate(b, withURI("spiffe://shop/eu"))}
		for b.Loop() {
			if _, err := a.Authenticate(b.Context(), &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a wrong secret", func(b *testing.B) {
		ask(b, headers(func(key string) http.Header { return bearer(key[:len(key)-43] + secretOf(keys[0])[1:] + "x") }), "", false)
	})
	b.Run("an unknown id", func(b *testing.B) {
		ask(b, headers(func(key string) http.Header { return bearer("besra_0" + key[7:]) }), "", false)
	})
}

// manyKeys makes a door with so many keys. Half of them have two secrets.
func manyKeys(b *testing.B, n int) (d *door, keys []string) {
	b.Helper()
	d = newDoor(b, nil)
	created := time.Now().Add(-time.Hour)
	d.clock.at = created
	var all []auth.Entry
	for i := range n {
		e := auth.Entry{ID: fmt.Sprintf("k%07d", i), Name: fmt.Sprint("shop-", i), Tenant: "eu", Scopes: identity.Score, Limits: identity.Limits{Rate: 500}, Created: created}
		for range 1 + i%2 {
			secret := base64.RawURLEncoding.EncodeToString([]byte((rand.Text() + rand.Text())[:32]))
			e.Secrets = append(e.Secrets, auth.Secret{SHA256: sha256.Sum256([]byte(secret)), Created: created})
			if len(e.Secrets) == 1+i%2 {
				keys = append(keys, "besra_"+e.ID+"_"+secret)
			}
		}
		all = append(all, e)
	}
	write(b, d.file.Path, string(auth.FormatKeys(all)))
	d.watcher.Poll()
	return d, keys
}
