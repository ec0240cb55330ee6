package auth_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/auth"
)

// Whatever is read can be written, and reads back as the same.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(example))
	f.Add(auth.FormatKeys(nil))
	f.Add([]byte("besra: 1\nkeys:\n  - {id: null, name: ~, scopes: [score]}\n"))
	f.Add([]byte("besra: 1\nkeys: [{id: \"0x1e5\", name: \"\\ufffd\", scopes: [score, score], rate: 1e-300, created: 2026-11-26T17:00:00+01:00, certificate: \"CN=a\\\\,b\"}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := auth.ParseKeys("keys.yaml", data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
			return
		}
		text := auth.FormatKeys(all)
		again, err := auth.ParseKeys("keys.yaml", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(all) == 0 && len(again) == 0 {
			return
		}
		if diff := cmp.Diff(all, again); diff != "" {
			t.Fatal(diff)
		}
		k := auth.NewKeys(all, nil)
		auth.NewKeys(again, k)
	})
}

// Nobody is let in but who shows the key, and it alone, in a header of its own.
func FuzzCredentials(f *testing.F) {
	d := newDoor(f, nil)
	key, id := d.create(auth.Entry{Name: "shop"})
	for _, s := range []string{
		"", "Bearer KEY", "bearer  KEY", "Bearer", "Basic KEY", "KEY", "Bearer KEY, Bearer KEY", "Bearer besra_ID_" + strings.Repeat("x", 43), "Bearer eyJ.e30.x", "besra_", "besra__",
	} {
		f.Add(s, "", "", byte(1))
		f.Add("", s, "", byte(2))
		f.Add(s, s, "a=1", byte(3))
		f.Add("Bearer KEY", "", "key="+s, byte(1))
		f.Add("Bearer KEY", "", "%61="+strings.ReplaceAll(s, "_", "%5f"), byte(1))
		f.Add(s, "", "", byte(5))
	}
	f.Add(":KEY", "", "", byte(5))
	f.Add("operator:KEY", "", "", byte(4))
	f.Add("operator:KEY", "KEY", "", byte(7))
	fill := strings.NewReplacer("KEY", key, "ID", id)
	f.Fuzz(func(t *testing.T, authorization, apiKey, query string, which byte) {
		authorization, apiKey, query = fill.Replace(authorization), fill.Replace(apiKey), fill.Replace(query)
		h := header()
		if which&1 != 0 {
			h["Authorization"] = []string{authorization}
		}
		if which&2 != 0 {
			h["X-Api-Key"] = []string{apiKey}
		}
		password := ""
		if which&4 != 0 { // the same, as HTTP Basic has it
			_, password, _ = strings.Cut(authorization, ":")
			authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(authorization))
			h["Authorization"] = []string{authorization}
			which |= 1
		}
		i, err := d.ask(auth.Credentials{Header: h, Query: query})
		if err != nil {
			if secret := secretOf(key); strings.Contains(err.Error(), secret) || strings.Contains(d.log.String(), secret) {
				t.Fatal("the secret is told")
			}
			return
		}
		switch scheme, token, _ := strings.Cut(authorization, " "); {
		case which&4 != 0 && password == key && i.ID == id && which&2 == 0 && !strings.Contains(query, key):
			// and nothing else
		case strings.EqualFold(scheme, "basic") && basicPassword(token) == key && i.ID == id && which&3 == 1 && !strings.Contains(query, key):
			// whoever wrote the header has spelled it by hand
		case i.ID != id, strings.Contains(query, key), which&3 == 3:
			t.Fatalf("let in as %s with query %q", i.ID, query)
		case which&1 != 0 && (!strings.EqualFold(scheme, "bearer") || strings.TrimLeft(token, " ") != key):
			t.Fatalf("let in by Authorization %q", authorization)
		case which&2 != 0 && apiKey != key:
			t.Fatalf("let in by X-API-Key %q", apiKey)
		case which&3 == 0:
			t.Fatal("let in by nothing")
		}
	})
}

// basicPassword takes a header of HTTP Basic apart, independently of how the package does.
func basicPassword(credentials string) string {
	r := http.Request{Header: http.Header{"Authorization": {"Basic " + strings.TrimLeft(credentials, " ")}}}
	_, password, _ := r.BasicAuth()
	return password
}
