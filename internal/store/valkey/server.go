package valkey

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
)

// A server is what is known of the one at the other end.
type server struct {
	name, version string
	cluster       bool
	eviction      string
	evicted       int64
	used, most    int64 // bytes
}

const (
	lookEvery  = 10 * time.Second
	noEviction = "noeviction"
)

// ask asks the server who it is, and refuses one that is too old.
func ask(ctx context.Context, c valkey.Client) (s server, err error) {
	text, err := c.Do(ctx, c.B().Info().Section("server", "memory", "stats").Build()).ToString()
	if err != nil {
		return s, fmt.Errorf("INFO: %w", err)
	}
	s = readInfo(text)
	s.cluster = c.Mode() == valkey.ClientModeCluster
	major, _, _ := strings.Cut(s.version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		return s, fmt.Errorf("%s %q is not supported: Valkey from 7.2 on is, and Redis from 7.0 on", s.name, s.version)
	}
	return s, nil
}

// readInfo reads what INFO says.
func readInfo(text string) (s server) {
	s.name = "Redis"
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "redis_version":
			if s.version == "" {
				s.version = value
			}
		case "valkey_version":
			s.name, s.version = "Valkey", value
		case "maxmemory_policy":
			s.eviction = value
		case "maxmemory":
			s.most = n
		case "used_memory":
			s.used = n
		case "evicted_keys":
			s.evicted = n
		}
	}
	return s
}

// differs reports whether it is another server than before, or set up otherwise.
func (s server) differs(before server) bool {
	s.evicted, s.used = before.evicted, before.used
	return s != before
}

// tell logs what operators should know of a server.
func (s server) tell(log *slog.Logger) {
	log.Info("shared store", "server", s.name+" "+s.version, "cluster", s.cluster, "eviction", s.eviction, "max_bytes", s.most)
	if s.evicts() {
		log.Error("the shared store forgets keys when its memory is full, answers and histories with them: set maxmemory-policy noeviction",
			"maxmemory_policy", s.eviction)
	}
}

// evicts reports whether keys can go before their time.
func (s server) evicts() bool {
	return s.eviction != "" && s.eviction != noEviction
}

// look asks the server again how it is.
func (l *link) look(ctx context.Context) {
	c := l.client.Load()
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	s, err := ask(ctx, *c)
	if err != nil {
		return // calls will tell
	}
	l.mu.Lock()
	before := l.server
	l.server = s
	l.mu.Unlock()
	if s.eviction != before.eviction {
		s.tell(l.log)
	}
	if s.evicted > before.evicted && s.version == before.version {
		l.log.Error("the shared store has dropped keys for want of memory", "keys", s.evicted-before.evicted)
	}
	l.metrics.Evicted.Set(float64(s.evicted))
	l.metrics.Memory.Set(float64(s.used))
}
