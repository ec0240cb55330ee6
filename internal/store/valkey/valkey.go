// Package valkey is a store that many processes have together: a Valkey, Redis or ElastiCache server, alone or a
// cluster.
//
// Answers are one key each: a claim with the token of whoever holds it, and then the answer. States are logs, see
// record.go: one trip reads and advances them. Keys begin with a prefix and the number of their layout, values carry a
// checksum. What is found there and is not ours, torn, or of another layout counts as nothing, and is told.
package valkey

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// layout is the number of the layout of keys and values. A version of besra with another one does not see this one's.
const layout = "1"

// A Store is a shared store.
type Store struct {
	link    *link
	prefix  string
	ttl     time.Duration
	groups  groups
	claims  claims
	amends  amends
	scripts sync.Map // by their text, *lua
	metrics *telemetry.Store
	now     func() time.Time
}

var _ store.Shared = (*Store)(nil)

// Open returns a store, and tries to reach it: what cannot be reached now is as one that was lost, and Run looks for
// it. An error is about the options alone.
func Open(ctx context.Context, o store.SharedOptions, m *telemetry.Store) (*Store, error) {
	if len(o.Addresses) == 0 {
		return nil, errors.New("valkey.address: there is none")
	}
	for _, a := range o.Addresses {
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("valkey.address: %q is not host:port", a)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Deadline <= 0 {
		o.Deadline = 2 * time.Millisecond
	}
	if o.TTL <= 0 {
		o.TTL = 24 * time.Hour
	}
	s := &Store{
		prefix: o.Prefix + ":" + layout + ":", ttl: o.TTL, metrics: m, now: time.Now, amends: newAmends(),
		link: &link{
			options: clientOptions(o), deadline: o.Deadline, metrics: m, log: o.Log,
			cut: make(chan error, 1), hurry: make(chan struct{}, 1), since: time.Now(),
		},
	}
	s.link.epochKey = s.prefix + "epoch"
	s.claims.init()
	if o.Lazy {
		s.link.hurry <- struct{}{}
		return s, nil
	}
	err := s.link.connect(ctx)
	if err == nil {
		err = s.link.try(ctx)
	}
	if err != nil {
		s.link.fall(err)
		s.link.cut <- err
		return s, nil
	}
	s.link.rise()
	return s, nil
}

func clientOptions(o store.SharedOptions) valkey.ClientOption {
	c := valkey.ClientOption{
		InitAddress:  o.Addresses,
		ClientName:   o.Name,
		TLSConfig:    serverName(o.TLS, o.Addresses[0]),
		DisableCache: true,
		DisableRetry: true,
		// A call that is late must not cost the connection, which others have as well.
		AlwaysPipelining: true,
		// What is sent together costs a system call less: bench/shared.sh.
		MaxFlushDelay:     50 * time.Microsecond,
		PipelineMultiplex: multiplexed(runtime.GOMAXPROCS(0)),
		Dialer:            net.Dialer{Timeout: connectTime, KeepAlive: connectTime / 2},
		ConnWriteTimeout:  connectTime,

		ReadBufferEachConn:  64 << 10,
		WriteBufferEachConn: 64 << 10,
		BlockingPoolSize:    1,
	}
	c.ClusterOption.ShardsRefreshInterval = connectTime
	if o.Login != nil {
		l := &logins{ask: o.Login}
		c.DialCtxFn, c.AuthCredentialsFn = l.dial, l.credentials
	}
	return c
}

// multiplexed returns how many connections there are for so many processors, as valkey-go has it: one (−1), or four (2) where more
// could be asked than one can carry.
func multiplexed(processors int) int {
	if processors <= 4 {
		return -1
	}
	return 2
}

// serverName has the server prove that it is the one of the address. Nodes of a cluster are found by addresses that
// certificates may not have; they answer for the same name.
func serverName(c *tls.Config, address string) *tls.Config {
	if c == nil || c.ServerName != "" {
		return c
	}
	c = c.Clone()
	c.ServerName, _, _ = net.SplitHostPort(address)
	return c
}

// Run looks after the connection until ctx ends.
func (s *Store) Run(ctx context.Context) {
	var team sync.WaitGroup
	for range amenders {
		team.Go(func() { s.amends.work(ctx, s.link) })
	}
	s.link.watch(ctx)
	team.Wait()
}

// Close ends the connection.
func (s *Store) Close() { s.link.close() }

// Status says how the store is.
func (s *Store) Status() store.SharedStatus {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	status := store.SharedStatus{
		Address: strings.Join(l.options.InitAddress, ","), Up: l.up.Load(), Since: l.since,
		Cluster: l.server.cluster, Eviction: l.server.eviction, Evicted: l.server.evicted,
		Used: l.server.used, Max: l.server.most, Waiting: len(s.amends.list), Losses: l.losses,
	}
	if l.server.version != "" {
		status.Server = l.server.name + " " + l.server.version
	}
	if l.why != nil {
		status.Why = l.why.Error()
	}
	return status
}

// name returns the name of a key: what kind it is, and 22 characters.
func (s *Store) name(kind byte, key store.Key) string {
	const size = 22
	b := make([]byte, 0, len(s.prefix)+2+size)
	b = append(append(b, s.prefix...), kind, ':')
	return valkey.BinaryString(base64.RawURLEncoding.AppendEncode(b, key[:]))
}

// The kinds of keys.
const (
	ofState  = 's'
	ofAnswer = 'a'
)

// groups are the kinds of state, by number.
type groups struct {
	mu      sync.RWMutex
	numbers map[[16]byte]int
	kept    []time.Duration
	texts   []string // of them, as commands have it
}

// Group registers a kind of state.
func (s *Store) Group(id [16]byte, retention time.Duration) int {
	g := &s.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.numbers[id]
	if !ok {
		if g.numbers == nil {
			g.numbers = map[[16]byte]int{}
		}
		n = len(g.kept)
		g.numbers[id] = n
		g.kept, g.texts = append(g.kept, retention), append(g.texts, "")
	}
	g.kept[n] = max(g.kept[n], retention)
	g.texts[n] = milliseconds(min(g.kept[n]+time.Hour, forever)) // a little longer than they can matter
	return n
}

// keep returns for how long a group's states are kept untouched, ms.
func (g *groups) keep(n int) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if n < 0 || n >= len(g.texts) {
		return milliseconds(forever)
	}
	return g.texts[n]
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

const forever = 10 * 365 * 24 * time.Hour
