package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/nearest"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// What an entry may be at most. How many there are is bounded by the file's size, strictyaml.MaxSize.
const (
	maxName        = 100 // characters
	maxTenant      = 64  // bytes
	maxModels      = 100 // they are searched one by one
	maxModel       = 64  // bytes of a model's name
	maxSecrets     = 2
	maxCertificate = 1024 // bytes of the name in it
)

// ParseKeys reads a file of keys. file is what errors call it. Its entries have ids and certificates of their own; an
// entry that is revoked may have a certificate that another one has now.
func ParseKeys(file string, data []byte) ([]Entry, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	layout, r := 0, keysReader{ids: map[string]int{}, certificates: map[string]int{}}
	err = root.Members(map[string]strictyaml.Reader{"besra": readLayout(&layout), "keys": r.keys})
	switch {
	case err != nil:
		return nil, err
	case layout == 0:
		return nil, root.Errorf("besra: is missing; this layout is besra: 1")
	case !r.seen:
		return nil, root.Errorf("keys: is missing; besra keys create makes one")
	}
	return r.all, nil
}

func readLayout(p *int) strictyaml.Reader {
	return func(n strictyaml.Node) (err error) {
		if *p, err = n.Int(); err == nil && *p != 1 {
			return n.Errorf("layout %d is not known; this version of besra reads 1", *p)
		}
		return err
	}
}

type keysReader struct {
	all          []Entry
	seen         bool
	ids          map[string]int // the lines that they stand on
	certificates map[string]int // of entries that are not revoked
}

func (r *keysReader) keys(n strictyaml.Node) error {
	r.seen = true
	return n.List(func(_ int, n strictyaml.Node) error {
		e, err := readEntry(n)
		if err != nil {
			return err
		}
		if line, ok := r.ids[e.ID]; ok {
			return n.Errorf("id %s stands twice, on line %d as well", e.ID, line)
		}
		r.ids[e.ID] = n.Line()
		if e.Certificate != "" && e.Revoked.IsZero() {
			if line, ok := r.certificates[e.Certificate]; ok {
				return n.Errorf("certificate %.100q stands twice, on line %d as well", e.Certificate, line)
			}
			r.certificates[e.Certificate] = n.Line()
		}
		r.all = append(r.all, e)
		return nil
	})
}

func readEntry(n strictyaml.Node) (Entry, error) {
	var e Entry
	err := n.Members(map[string]strictyaml.Reader{
		"id":          checked(&e.ID, isID, wantID),
		"name":        checked(&e.Name, isName, wantName),
		"tenant":      checked(&e.Tenant, isTenant, wantTenant),
		"scopes":      e.readScopes,
		"models":      e.readModels,
		"rate":        readRate(&e.Limits.Rate),
		"burst":       readCount(&e.Limits.Burst),
		"concurrent":  readCount(&e.Limits.Concurrent),
		"quota":       readQuota(&e.Limits.Quota),
		"priority":    readPriority(&e.Priority),
		"created":     readTime(&e.Created),
		"expires":     readTime(&e.Expires),
		"revoked":     readTime(&e.Revoked),
		"secrets":     e.readSecrets,
		"certificate": checked(&e.Certificate, isCertificate, wantCertificate),
	})
	switch {
	case err != nil:
		return e, err
	case e.ID == "":
		return e, n.Errorf("id is missing")
	case e.Name == "":
		return e, n.Errorf("name is missing")
	case e.Scopes == 0:
		return e, n.Errorf("scopes is missing: the key could do nothing; there are %s", strings.Join(identity.ScopeNames(), ", "))
	case e.Created.IsZero():
		return e, n.Errorf("created is missing")
	case e.Limits.Burst > 0 && e.Limits.Rate == 0:
		return e, n.Errorf("burst: bounds nothing without a rate")
	case e.Secrets == nil && e.Certificate == "":
		return e, n.Errorf("neither secrets nor a certificate: nothing could prove it")
	case e.Secrets != nil && e.Certificate != "":
		return e, n.Errorf("secrets and a certificate: one of them proves it, so the other is too much")
	}
	return e, nil
}

// What is wanted of texts.
const (
	wantID          = "want an id: 4 to 32 of a-z and 0-9"
	wantName        = "want a name: 1 to 100 characters that can be printed"
	wantTenant      = "want a tenant: 1 to 64 visible ASCII characters"
	wantModel       = "want a model's name: 1 to 64 of a-z, 0-9 and -"
	wantCertificate = "want a name in a certificate: 1 to 1024 bytes that can be printed"
)

// Check tells what is wrong with an entry that is to be made, before it has an id, a secret and a time.
func (e *Entry) Check() error {
	bad := func(name, text, want string) error { return fmt.Errorf("%s: %w", name, wrong(text, want)) }
	switch {
	case !isName(e.Name):
		return bad("name", e.Name, wantName)
	case e.Tenant != "" && !isTenant(e.Tenant):
		return bad("tenant", e.Tenant, wantTenant)
	case e.Scopes == 0:
		return fmt.Errorf("scope: none is named, so the key could do nothing; there are %s", strings.Join(identity.ScopeNames(), ", "))
	case len(e.Models) > maxModels:
		return fmt.Errorf("model: want %d at most, not %d", maxModels, len(e.Models))
	case !(e.Limits.Rate >= 0 && e.Limits.Rate <= 1e9):
		return errors.New("rate: want requests a second, more than 0 and 1000000000 at most")
	case e.Limits.Burst < 0 || e.Limits.Burst > 1e9:
		return errors.New("burst: want a whole number from 1 to 1000000000")
	case e.Limits.Concurrent < 0 || e.Limits.Concurrent > 1e9:
		return errors.New("concurrent: want a whole number from 1 to 1000000000")
	case e.Limits.Quota != identity.Quota{} && !isQuota(e.Limits.Quota):
		return fmt.Errorf("quota: %w", identity.ErrQuota)
	case e.Limits.Burst > 0 && e.Limits.Rate == 0:
		return errors.New("burst: bounds nothing without a rate")
	case e.Certificate != "" && !isCertificate(e.Certificate):
		return bad("certificate", e.Certificate, wantCertificate)
	}
	for _, model := range e.Models {
		if !isModel(model) {
			return bad("model", model, wantModel)
		}
	}
	return nil
}

// wrong is the error of a text. It does not repeat what may be a key.
func wrong(text, want string) error {
	if strings.Contains(text, keyPrefix) {
		return fmt.Errorf("%s, and no key", want)
	}
	return fmt.Errorf("%s, not %.40q", want, text)
}

// checked reads text that is as it should be.
func checked(p *string, good func(string) bool, want string) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		if !good(text) {
			return n.Errorf("%w", wrong(text, want))
		}
		*p = text
		return nil
	}
}

func isName(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= maxName && isPrintable(s) && strings.TrimSpace(s) == s && findKey(s) == ""
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func isTenant(s string) bool {
	return s != "" && len(s) <= maxTenant && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func isModel(s string) bool {
	return s != "" && len(s) <= maxModel && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isQuota reports whether the quota reads back as it is.
func isQuota(q identity.Quota) bool {
	back, err := identity.ParseQuota(q.String())
	return err == nil && back == q
}

func isCertificate(s string) bool { return s != "" && len(s) <= maxCertificate && isPrintable(s) }

func (e *Entry) readScopes(n strictyaml.Node) error {
	return n.List(func(_ int, n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		s, err := identity.ParseScope(text)
		if err != nil {
			if name := nearest.Name(text, identity.ScopeNames()); name != "" {
				return n.Errorf("no scope %.40q, did you mean %q?", text, name)
			}
			return n.Errorf("%w", err)
		}
		e.Scopes |= s
		return nil
	})
}

func (e *Entry) readModels(n strictyaml.Node) error {
	err := n.List(func(i int, n strictyaml.Node) error {
		var model string
		if i == maxModels {
			return n.Errorf("more than %d models", maxModels)
		}
		err := checked(&model, isModel, wantModel)(n)
		e.Models = append(e.Models, model)
		return err
	})
	if err == nil && e.Models == nil {
		return n.Errorf("no model is named: leave models out, and all may be asked")
	}
	return err
}

func (e *Entry) readSecrets(n strictyaml.Node) error {
	err := n.List(func(i int, n strictyaml.Node) error {
		if i == maxSecrets {
			return n.Errorf("more than %d secrets", maxSecrets)
		}
		s, err := readSecret(n)
		e.Secrets = append(e.Secrets, s)
		return err
	})
	switch {
	case err != nil:
		return err
	case e.Secrets == nil:
		return n.Errorf("no secret is named: nothing could prove the key")
	case len(e.Secrets) == 2 && e.Secrets[0].SHA256 == e.Secrets[1].SHA256:
		return n.Errorf("the two secrets are the same")
	}
	return nil
}

func readSecret(n strictyaml.Node) (Secret, error) {
	var s Secret
	var sum []byte
	err := n.Members(map[string]strictyaml.Reader{
		"sha256": func(n strictyaml.Node) error {
			text, err := n.Text()
			if err != nil {
				return err
			}
			// What stands in its place may be the secret itself: it is not repeated.
			if sum, err = hex.DecodeString(text); err != nil || copy(s.SHA256[:], sum) < len(s.SHA256) || len(sum) > len(s.SHA256) {
				return n.Errorf("want 64 hexadecimal digits: the SHA-256 of the secret")
			}
			return nil
		},
		"created": readTime(&s.Created),
		"expires": readTime(&s.Expires),
	})
	switch {
	case err != nil:
		return s, err
	case sum == nil:
		return s, n.Errorf("sha256 is missing")
	case s.Created.IsZero():
		return s, n.Errorf("created is missing")
	}
	return s, nil
}

func readTime(p *time.Time) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		ms, ok := rfc3339.Parse([]byte(text))
		if !ok || ms == 0 {
			return n.Errorf("want a time such as 2026-11-26T17:00:00Z, not %.40q", text)
		}
		*p = time.UnixMilli(ms).UTC()
		return nil
	}
}
