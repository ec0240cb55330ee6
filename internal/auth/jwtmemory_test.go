package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/identity"
)

func TestATokenIsRememberedOnce(t *testing.T) {
	m := newTokenMemory(4 * tokenShards) // two of each age in a shard
	keys := &issuerKeys{}
	now := time.Unix(1, 0)
	put := func(n byte, id *identity.Identity) {
		m.put(tokenTag{0, n}, rememberedToken{id: id, until: now.Add(time.Minute).UnixNano(), from: keys}, now)
	}
	first, again := &identity.Identity{}, &identity.Identity{}
	put(1, first)
	put(2, first)
	put(3, first) // the others are old now
	put(1, again)
	if got, ok := m.get(tokenTag{0, 1}, now); !ok || got != again {
		t.Errorf("%p, %v", got, ok)
	}
	if n := m.len(); n != 3 {
		t.Errorf("%d are remembered", n)
	}
	put(4, first)
	if _, ok := m.get(tokenTag{0, 2}, now); ok {
		t.Error("the oldest is still there")
	}
	m.forget(now.Add(time.Minute))
	if n := m.len(); n != 0 {
		t.Errorf("%d are remembered when none is good", n)
	}
}

func TestTagsTellTokensApart(t *testing.T) {
	one, other := newTagger(), newTagger()
	seen := map[tokenTag]string{}
	token := strings.Repeat("eyJhbGciOiJFUzI1NiJ9.", 20)
	for n := range len(token) {
		for _, text := range []string{token[:n], token[:n] + "x" + token[n:], token[n:] + token[:n] + "y"} {
			tag := one.of(text)
			if was, ok := seen[tag]; ok && was != text {
				t.Fatalf("%q has the tag of %q", text, was)
			}
			seen[tag] = text
			if tag != one.of(text) || tag == other.of(text) {
				t.Fatalf("%q: its tag is not its own, or nobody's secret", text)
			}
		}
	}
}
