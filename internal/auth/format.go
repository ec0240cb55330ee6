package auth

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/strictyaml"
)

const fileHead = "# Written by besra keys, which keeps no comments. There are no secrets in it: a key cannot be made from its hash.\nbesra: 1\n"

// FormatKeys spells entries as ParseKeys reads them: always alike, so that files can be compared.
func FormatKeys(all []Entry) []byte {
	b := []byte(fileHead)
	if len(all) == 0 {
		return append(b, "keys: []\n"...)
	}
	b = append(b, "keys:\n"...)
	for i := range all {
		b = all[i].append(b)
	}
	return b
}

func (e *Entry) append(b []byte) []byte {
	lead := "  - "
	add := func(name, value string) {
		b = append(append(append(append(append(b, lead...), name...), ": "...), value...), '\n')
		lead = "    "
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			add(name, formatTime(t))
		}
	}
	count := func(name string, n int) {
		if n > 0 {
			add(name, strconv.Itoa(n))
		}
	}
	add("id", strictyaml.Quote(e.ID))
	add("name", strictyaml.Quote(e.Name))
	if e.Tenant != "" {
		add("tenant", strictyaml.Quote(e.Tenant))
	}
	add("scopes", "["+strings.Join(e.Scopes.Names(), ", ")+"]")
	if e.Models != nil {
		add("models", formatList(e.Models))
	}
	if e.Limits.Rate > 0 {
		add("rate", strconv.FormatFloat(e.Limits.Rate, 'f', -1, 64))
	}
	count("burst", e.Limits.Burst)
	count("concurrent", e.Limits.Concurrent)
	if e.Limits.Quota != (identity.Quota{}) {
		add("quota", e.Limits.Quota.String())
	}
	if e.Priority == identity.Batch {
		add("priority", "batch")
	}
	at("created", e.Created)
	at("expires", e.Expires)
	at("revoked", e.Revoked)
	if e.Certificate != "" {
		add("certificate", strictyaml.Quote(e.Certificate))
		return b
	}
	b = append(b, "    secrets:\n"...)
	for i := range e.Secrets {
		b = append(e.Secrets[i].append(append(b, "      - "...)), '\n')
	}
	return b
}

func (s *Secret) append(b []byte) []byte {
	b = hex.AppendEncode(append(b, "{sha256: "...), s.SHA256[:])
	b = append(append(b, ", created: "...), formatTime(s.Created)...)
	if !s.Expires.IsZero() {
		b = append(append(b, ", expires: "...), formatTime(s.Expires)...)
	}
	return append(b, '}')
}

func formatList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strictyaml.Quote(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// formatTime leaves out milliseconds that are none.
func formatTime(t time.Time) string {
	return strings.Replace(string(rfc3339.Append(nil, t.UnixMilli())), ".000Z", "Z", 1)
}
