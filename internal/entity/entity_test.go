package entity_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/entity"
)

func TestAHashIsTheFirstHalfOfAnHMAC(t *testing.T) {
	key := []byte("0123456789abcdef")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("e\x00\x04cardc_17"))
	want := entity.Hash(mac.Sum(nil)[:16])
	if got := entity.NewHasher(key).Hash("card", []byte("c_17")); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestHashesTellApart(t *testing.T) {
	a, b := entity.NewHasher([]byte("0123456789abcdef")), entity.NewHasher([]byte("fedcba9876543210"))
	seen := map[entity.Hash]string{}
	for name, h := range map[string]entity.Hash{
		"a card":              a.Hash("card", []byte("c_17")),
		"another":             a.Hash("card", []byte("c_18")),
		"a terminal":          a.Hash("terminal", []byte("c_17")),
		"run together":        a.Hash("cardc", []byte("_17")),
		"with another key":    b.Hash("card", []byte("c_17")),
		"an event":            a.Event("", "fraud", []byte("c_17")),
		"of another tenant":   a.Event("eu", "fraud", []byte("c_17")),
		"of another model":    a.Event("", "frau", []byte("dc_17")),
		"tenant run together": a.Event("f", "raud", []byte("c_17")),
	} {
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
}

func TestAHashReadsBack(t *testing.T) {
	h := entity.NewHasher(entity.NewKey()).Hash("card", []byte("c_17"))
	got, err := entity.Parse(entity.Text(h))
	if err != nil || got != h {
		t.Errorf("%x, %v, want %x", got, err, h)
	}
	for _, text := range []string{"", "12", strings.Repeat("g", 32), strings.Repeat("a", 34)} {
		if _, err := entity.Parse(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestCardNumbers(t *testing.T) {
	for text, want := range map[string]bool{
		"4111111111111111":          true,
		"4111 1111 1111 1111":       true,
		"3782-822463-10005":         true,
		"4222222222222":             true,
		"4111111111111112":          false, // another check digit
		"c4111111111111111":         false,
		"411111111111":              false,
		"00000000000000000000":      false, // 20 digits
		"":                          false,
		"evt_7":                     false,
		"1234-5678-9012-3456":       false,
		"                         ": false,
	} {
		if got := entity.LooksLikeCardNumber([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "entity.key")
	made, err := entity.ReadOrMakeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	again, err := entity.ReadOrMakeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made, again); d != "" || len(made) != 32 {
		t.Errorf("%d bytes; %s", len(made), d)
	}
}

func TestAWrongKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "short": "0011223344", "no digits": strings.Repeat("x", 64), "long": strings.Repeat("0", 600),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := entity.ReadKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := entity.ReadKey(dir); err == nil {
		t.Error("a folder is a key")
	}
}

func BenchmarkHash(b *testing.B) {
	h := entity.NewHasher(entity.NewKey())
	v := []byte("c_1234567")
	b.ReportAllocs()
	for i := range b.N {
		v[2] = byte('0' + i&7)
		v[3] = byte('0' + i>>3&7)
		v[4] = byte('0' + i>>6&7)
		v[5] = byte('0' + i>>9&7)
		h.Hash("card", v)
	}
}
