package auth_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/auth"
	"github.com/besra-ml/besra/internal/identity"
)

const example = `# Written by besra keys, which keeps no comments. There are no secrets in it: a key cannot be made from its hash.
besra: 1
keys:
  - id: k7f3q9x2
    name: shop-eu
    tenant: eu
    scopes: [score, explain]
    models: [fraud]
    rate: 0.5
    burst: 1000
    concurrent: 64
    quota: 100000/day
    priority: batch
    created: 2026-11-26T17:00:00Z
    expires: 2027-02-24T17:00:00Z
    revoked: 2026-12-24T17:00:00.250Z
    secrets:
      - {sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff, created: 2026-11-26T17:00:00Z, expires: 2026-11-27T17:00:00Z}
      - {sha256: 10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff, created: 2026-11-26T17:00:00Z}
  - id: "12345678"
    name: "mesh: eu, \"the second\""
    scopes: [admin]
    created: 2026-11-26T17:00:00Z
    certificate: "spiffe://shop/eu"
`

func TestAFileIsReadAsItIsWritten(t *testing.T) {
	all, err := auth.ParseKeys("keys.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	sum := [32]byte{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	second := sum
	second[0] = 0x10
	want := []auth.Entry{{
		ID: "k7f3q9x2", Name: "shop-eu", Tenant: "eu", Scopes: identity.Score | identity.Explain, Models: []string{"fraud"},
		Limits: identity.Limits{Rate: 0.5, Burst: 1000, Concurrent: 64, Quota: identity.Quota{Requests: 100_000, Per: identity.Day}}, Priority: identity.Batch,
		Created: start, Expires: start.Add(90 * 24 * time.Hour), Revoked: start.Add(28*24*time.Hour + 250*time.Millisecond),
		Secrets: []auth.Secret{{SHA256: sum, Created: start, Expires: start.Add(24 * time.Hour)}, {SHA256: second, Created: start}},
	}, {
		ID: "12345678", Name: `mesh: eu, "the second"`, Scopes: identity.Admin, Created: start, Certificate: "spiffe://shop/eu",
	}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(example, string(auth.FormatKeys(all))); diff != "" {
		t.Error(diff)
	}
	if all, err := auth.ParseKeys("keys.yaml", auth.FormatKeys(nil)); err != nil || len(all) != 0 {
		t.Errorf("no keys read back as %v, %v", all, err)
	}
}

func TestAFileThatIsWrongIsRefusedByItsLine(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"besra: 1\n", "", "keys.yaml:1: besra: is missing; this layout is besra: 1"},
		{"besra: 1", "besra: 2", "keys.yaml:2: besra: layout 2 is not known; this version of besra reads 1"},
		{"k7f3q9x2", "K7f3q9x2", `keys.yaml:4: keys[0].id: want an id: 4 to 32 of a-z and 0-9, not "K7f3q9x2"`},
		{"k7f3q9x2", "abc", `keys.yaml:4: keys[0].id: want an id`},
		{"k7f3q9x2", strings.Repeat("a", 33), `keys.yaml:4: keys[0].id: want an id`},
		{"- id: k7f3q9x2\n    name", "- name", "keys.yaml:4: keys[0]: id is missing"},
		{`"12345678"`, "k7f3q9x2", "keys.yaml:20: keys[1]: id k7f3q9x2 stands twice, on line 4 as well"},
		{"name: shop-eu", "name: besra_kaaaaaaa_" + strings.Repeat("S", 43), "keys.yaml:5: keys[0].name: want a name: 1 to 100 characters that can be printed, and no key"},
		{"k7f3q9x2", "besra_kaaaaaaa_" + strings.Repeat("S", 43), "keys.yaml:4: keys[0].id: want an id: 4 to 32 of a-z and 0-9, and no key"},
		{"name: shop-eu", `name: ""`, "keys.yaml:5: keys[0].name: want a name"},
		{"name: shop-eu", `name: "a\tb"`, "keys.yaml:5: keys[0].name: want a name"},
		{"name: shop-eu", "name: " + strings.Repeat("ä", 101), "keys.yaml:5: keys[0].name: want a name"},
		{"    name: shop-eu\n", "", "keys.yaml:4: keys[0]: name is missing"},
		{"tenant: eu", `tenant: "e u"`, "keys.yaml:6: keys[0].tenant: want a tenant"},
		{"tenant: eu", `tenant: ""`, "keys.yaml:6: keys[0].tenant: want a tenant"},
		{"tenant:", "tennant:", `keys.yaml:6: keys[0]: unknown member "tennant", did you mean "tenant"?`},
		{"explain]", "explian]", `keys.yaml:7: keys[0].scopes[1]: no scope "explian", did you mean "explain"?`},
		{"explain]", "all]", `keys.yaml:7: keys[0].scopes[1]: no scope "all"; there are score, explain, labels, models, metrics, admin`},
		{"[score, explain]", "[]", "keys.yaml:4: keys[0]: scopes is missing"},
		{"[fraud]", "[]", "keys.yaml:8: keys[0].models: no model is named"},
		{"[fraud]", "[Fraud]", "keys.yaml:8: keys[0].models[0]: want a model's name"},
		{"[fraud]", "[" + strings.Repeat("f, ", 100) + "f]", "keys.yaml:8: keys[0].models[100]: more than 100 models"},
		{"rate: 0.5", "rate: 0", "keys.yaml:9: keys[0].rate: want requests a second, more than 0"},
		{"rate: 0.5", "rate: high", `keys.yaml:9: keys[0].rate: want a number, not "high"`},
		{"    rate: 0.5\n", "", "keys.yaml:4: keys[0]: burst: bounds nothing without a rate"},
		{"burst: 1000", "burst: -1", "keys.yaml:10: keys[0].burst: want a whole number from 1"},
		{"quota: 100000/day", "quota: 100000", `keys.yaml:12: keys[0].quota: want requests a day or a month, such as 100000/day, not "100000"`},
		{"quota: 100000/day", "quota: 0/day", `keys.yaml:12: keys[0].quota: want requests a day`},
		{"priority: batch", "priority: low", "keys.yaml:13: keys[0].priority: want interactive or batch"},
		{"    created: 2026-11-26T17:00:00Z\n    expires", "    expires", "keys.yaml:4: keys[0]: created is missing"},
		{"expires: 2027-02-24T17:00:00Z", "expires: 2027-02-24", `keys.yaml:15: keys[0].expires: want a time such as 2026-11-26T17:00:00Z, not "2027-02-24"`},
		{"expires: 2027-02-24T17:00:00Z", "expires: 2027-02-30T17:00:00Z", `keys.yaml:15: keys[0].expires: want a time`},
		{"revoked: 2026-12-24T17:00:00.250Z", "revoked: true", `keys.yaml:16: keys[0].revoked: want a time such as 2026-11-26T17:00:00Z, not "true"`},
		{"sha256: 001", "sha256: 01", "keys.yaml:18: keys[0].secrets[0].sha256: want 64 hexadecimal digits"},
		{"sha256: 001", "sha256: 00001", "keys.yaml:18: keys[0].secrets[0].sha256: want 64 hexadecimal digits"},
		{"sha256: 001", "sha256: x01", "keys.yaml:18: keys[0].secrets[0].sha256: want 64 hexadecimal digits"},
		{"sha256: 00", "sha256: 10", "keys.yaml:17: keys[0].secrets: the two secrets are the same"},
		{", expires: 2026-11-27T17:00:00Z}", "}\n      - {created: 2026-11-26T17:00:00Z}", "keys.yaml:19: keys[0].secrets[1]: sha256 is missing"},
		{", created: 2026-11-26T17:00:00Z}", "}", "keys.yaml:19: keys[0].secrets[1]: created is missing"},
		{"      - {sha256: 101", "      - {sha256: 201" + strings.Repeat("0", 61) + ", created: 2026-11-26T17:00:00Z}\n      - {sha256: 101", "keys.yaml:20: keys[0].secrets[2]: more than 2 secrets"},
		{"certificate: \"spiffe://shop/eu\"", "secrets: []", "keys.yaml:24: keys[1].secrets: no secret is named"},
		{"    certificate: \"spiffe://shop/eu\"\n", "", "keys.yaml:20: keys[1]: neither secrets nor a certificate"},
		{"    certificate:", "    secrets: [{sha256: \"" + strings.Repeat("0", 64) + "\", created: 2026-11-26T17:00:00Z}]\n    certificate:", "keys.yaml:20: keys[1]: secrets and a certificate"},
		{"keys:", "besra: 1\nkeys:", "keys.yaml:3: "},
		{"keys:", "key:", `keys.yaml:3: unknown member "key", did you mean "keys"?`},
	} {
		text := strings.Replace(example, c.old, c.new, 1)
		if text == example {
			t.Fatalf("%q is not there", c.old)
		}
		_, err := auth.ParseKeys("keys.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "SSS") {
			t.Errorf("%q for %q: %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
	for _, text := range []string{"", "besra: 1", "besra: 1\nkeys:\n", "besra: 1\nkeys: {}\n", "keys: []", "[]", "\xff", "besra: 1\nkeys: [&a {}, *a]\n"} {
		if all, err := auth.ParseKeys("keys.yaml", []byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, all)
		}
	}
}

func TestTwoEntriesHaveOneCertificateOnlyWhereOneIsRevoked(t *testing.T) {
	entry := func(id, more string) string {
		return "  - {id: " + id + ", name: mesh, scopes: [score], created: 2026-11-26T17:00:00Z, certificate: mesh" + more + "}\n"
	}
	head, revoked := "besra: 1\nkeys:\n", ", revoked: 2026-11-26T17:00:00Z"
	_, err := auth.ParseKeys("keys.yaml", []byte(head+entry("aaaa", "")+entry("bbbb", "")))
	if err == nil || err.Error() != `keys.yaml:4: keys[1]: certificate "mesh" stands twice, on line 3 as well` {
		t.Error(err)
	}
	for _, text := range []string{entry("aaaa", revoked) + entry("bbbb", ""), entry("aaaa", "") + entry("bbbb", revoked)} {
		all, err := auth.ParseKeys("keys.yaml", []byte(head+text))
		if err != nil || len(all) != 2 {
			t.Errorf("%v, %v", all, err)
		}
	}
}

func TestAKeyIsShownOnceAndOnlyItsHashIsKept(t *testing.T) {
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml"), Now: func() time.Time { return start.Add(750 * time.Millisecond) }}
	key, made, err := f.Create(t.Context(), auth.Entry{Name: "shop", Scopes: identity.Score, ID: "mine", Created: start.Add(time.Hour), Secrets: make([]auth.Secret, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(key, "besra_"+made.ID+"_") || len(secretOf(key)) != 43 || made.ID == "mine" {
		t.Errorf("key %s of %+v", key, made)
	}
	if len(made.Secrets) != 1 || made.Secrets[0].SHA256 != sha256.Sum256([]byte(secretOf(key))) || !made.Created.Equal(start) {
		t.Errorf("%+v", made)
	}
	text, err := os.ReadFile(f.Path)
	if err != nil || strings.Contains(string(text), secretOf(key)) {
		t.Errorf("%v: %s", err, text)
	}
	all, err := f.List()
	if diff := cmp.Diff([]auth.Entry{made}, all); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestARotatedKeyHasTwoSecretsUntilTheFirstHasExpired(t *testing.T) {
	c := &clock{at: start}
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml"), Now: c.now}
	_, made, err := f.Create(t.Context(), auth.Entry{Name: "shop", Scopes: identity.Score})
	if err != nil {
		t.Fatal(err)
	}
	_, rotated, err := f.Rotate(t.Context(), "shop", 24*time.Hour)
	if err != nil || len(rotated.Secrets) != 2 || !rotated.Secrets[0].Expires.Equal(start.Add(24*time.Hour)) || !rotated.Secrets[1].Expires.IsZero() {
		t.Fatalf("%+v, %v", rotated, err)
	}
	c.pass(24*time.Hour - time.Second)
	if _, _, err := f.Rotate(t.Context(), made.ID, time.Hour); err == nil || !strings.Contains(err.Error(), "has two secrets already, and the older is good until 2026-11-27T17:00:00Z") {
		t.Fatal(err)
	}
	c.pass(time.Second)
	_, again, err := f.Rotate(t.Context(), made.ID, time.Hour)
	if err != nil || len(again.Secrets) != 2 || again.Secrets[0].SHA256 != rotated.Secrets[1].SHA256 {
		t.Fatalf("%+v, %v", again, err)
	}
	for _, overlap := range []time.Duration{-1, auth.MaxOverlap + 1} {
		if _, _, err := f.Rotate(t.Context(), made.ID, overlap); err == nil || !strings.Contains(err.Error(), "overlap") {
			t.Errorf("%v: %v", overlap, err)
		}
	}
	c.pass(2 * time.Hour)
	_, last, err := f.Rotate(t.Context(), made.ID, 0)
	if err != nil || last.State(c.now()) != auth.Active || last.Live(c.now()) != 1 {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestAnOverlapMakesNoSecretGoodForLonger(t *testing.T) {
	c := &clock{at: start}
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml"), Now: c.now}
	text := strings.Replace(example, "    revoked: 2026-12-24T17:00:00.250Z\n", "", 1)
	text, _, _ = strings.Cut(text, "      - {sha256: 101")
	write(t, f.Path, text)
	_, rotated, err := f.Rotate(t.Context(), "k7f3q9x2", 7*24*time.Hour)
	if err != nil || !rotated.Secrets[0].Expires.Equal(start.Add(24*time.Hour)) {
		t.Errorf("%+v, %v", rotated, err)
	}
}

func TestAKeyThatIsOverIsNotRotated(t *testing.T) {
	c := &clock{at: start}
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml"), Now: c.now}
	revoked := ""
	for _, e := range []auth.Entry{{Name: "mesh", Certificate: "mesh"}, {Name: "expired", Expires: start.Add(time.Hour)}, {Name: "revoked"}} {
		e.Scopes = identity.Score
		var err error
		if revoked, _, err = f.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	first, err := f.Revoke(t.Context(), revoked)
	if err != nil {
		t.Fatal(err)
	}
	c.pass(time.Hour)
	second, err := f.Revoke(t.Context(), "revoked")
	if diff := cmp.Diff(first, second); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for name, want := range map[string]string{
		"revoked": "was revoked 2026-11-26T17:00:00Z", "expired": "expired 2026-11-26T18:00:00Z", "mesh": "has a certificate", "nobody": `no such key "nobody"`,
	} {
		if _, _, err := f.Rotate(t.Context(), name, time.Hour); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Revoke(t.Context(), "nobody"); !errors.Is(err, auth.ErrNoSuchKey) {
		t.Error(err)
	}
}

func TestAnIDWinsOverAName(t *testing.T) {
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
	key, meant, err := f.Create(t.Context(), auth.Entry{Name: "shop", Scopes: identity.Score})
	if err != nil {
		t.Fatal(err)
	}
	namesake := auth.Entry{Name: meant.ID, Scopes: identity.Score}
	if _, _, err := f.Create(t.Context(), namesake); err != nil {
		t.Fatal(err)
	}
	if _, rotated, err := f.Rotate(t.Context(), meant.ID, 0); err != nil || rotated.ID != meant.ID {
		t.Errorf("%+v, %v", rotated, err)
	}
	for _, which := range []string{meant.ID, key} { // also once it is revoked
		if revoked, err := f.Revoke(t.Context(), which); err != nil || revoked.ID != meant.ID {
			t.Errorf("%+v, %v", revoked, err)
		}
	}
	gone := "besra_" + meant.ID + "x_" + secretOf(key)
	if _, _, err := f.Create(t.Context(), auth.Entry{Name: meant.ID + "x", Scopes: identity.Score}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Revoke(t.Context(), gone); !errors.Is(err, auth.ErrNoSuchKey) {
		t.Errorf("a key that is none has revoked a namesake of its id: %v", err)
	}
}

func TestAnEntryThatWouldBeWrongIsNotMade(t *testing.T) {
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
	for want, e := range map[string]auth.Entry{
		"name":        {Scopes: identity.Score},
		"scope: none": {Name: "a"},
		"tenant":      {Name: "a", Scopes: identity.Score, Tenant: "a b"},
		"model":       {Name: "a", Scopes: identity.Score, Models: []string{"A"}},
		"100 at most": {Name: "a", Scopes: identity.Score, Models: make([]string, 101)},
		"rate":        {Name: "a", Scopes: identity.Score, Limits: identity.Limits{Rate: -1}},
		"burst":       {Name: "a", Scopes: identity.Score, Limits: identity.Limits{Burst: 1}},
		"quota":       {Name: "a", Scopes: identity.Score, Limits: identity.Limits{Quota: identity.Quota{Requests: 1}}},
		"certificate": {Name: "a", Scopes: identity.Score, Certificate: "a\n"},
	} {
		if _, _, err := f.Create(t.Context(), e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := os.Stat(f.Path); !errors.Is(err, os.ErrNotExist) {
		t.Error("there is a file")
	}
}

func TestAFileThatWouldBeTooLargeIsLeftAsItIs(t *testing.T) {
	entry := func(i int) auth.Entry {
		return auth.Entry{ID: fmt.Sprintf("k%07d", i), Name: "shop", Scopes: identity.Score, Created: start, Secrets: []auth.Secret{{SHA256: [32]byte{1}, Created: start}}}
	}
	one := len(auth.FormatKeys([]auth.Entry{entry(0)}))
	each := len(auth.FormatKeys([]auth.Entry{entry(0), entry(1)})) - one
	all := make([]auth.Entry, 1+(1<<20-one)/each)
	for i := range all {
		all[i] = entry(i)
	}
	f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
	write(t, f.Path, string(auth.FormatKeys(all)))
	if _, err := f.List(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Create(t.Context(), auth.Entry{Name: "one too many", Scopes: identity.Score}); err == nil || !strings.Contains(err.Error(), "would be larger than 1048576 bytes") {
		t.Error(err)
	}
	if after, err := f.List(); err != nil || len(after) != len(all) {
		t.Errorf("%d entries, %v", len(after), err)
	}
}

func TestManyWhoWriteAtOnceLoseNothing(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "link.yaml")
	write(t, path, "besra: 1\nkeys: []\n")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			f := &auth.File{Path: path}
			if i%2 == 1 {
				f.Path = link // another name of the same file
			}
			if _, _, err := f.Create(t.Context(), auth.Entry{Name: fmt.Sprint("shop-", i), Scopes: identity.Score}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	all, err := (&auth.File{Path: path}).List()
	if err != nil || len(all) != 32 {
		t.Errorf("%d entries, %v", len(all), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link has gone: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFileOfKeysIsNotOpenToAll(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing there")
	}
	for before, want := range map[os.FileMode]os.FileMode{0: 0o600, 0o600: 0o600, 0o644: 0o640, 0o666: 0o640, 0o640: 0o640, 0o400: 0o600} {
		f := &auth.File{Path: filepath.Join(t.TempDir(), "keys.yaml")}
		if before != 0 {
			write(t, f.Path, "besra: 1\nkeys: []\n")
			if err := os.Chmod(f.Path, before); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := f.Create(t.Context(), auth.Entry{Name: "shop", Scopes: identity.Score}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v becomes %v, want %v; %v", before, info.Mode(), want, err)
		}
	}
}

func TestTheFileInTheDocumentationIsRead(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "access.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	all, err := auth.ParseKeys("access.md", []byte(text))
	if err != nil || len(all) != 2 {
		t.Errorf("%d entries, %v", len(all), err)
	}
}
