//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"
	"golang.org/x/sys/unix"

	"github.com/besra-ml/besra/bench/internal/load"
	"github.com/besra-ml/besra/bench/shared/pace"
	"github.com/besra-ml/besra/internal/entity"
)

// A contestant is a besra and what it is asked.
type contestant struct {
	what   string
	flags  []string // of besra serve
	shares bool     // its state is at the store
	stream stream
	server *load.Process

	closed []busy   // by round
	open   []atPace // by round
}

// busy is what was measured of a closed loop.
type busy struct {
	PerSecond float64 `json:"per_second"`
	CPU       float64 `json:"cpu"`   // µs a request, of besra
	Store     float64 `json:"store"` // of the store
	Load      float64 `json:"load"`  // of this process
}

// atPace is what was measured of an open loop, in µs.
type atPace struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	CPU float64 `json:"cpu"` // a request, of besra
}

// A contest is between these.
type contest struct {
	options
	shared, memory *contestant
	store          *load.Process
	client         valkey.Client
	gets, plain    []atPace // by round
	bytes          int      // that the store sends for an event
	version        string   // of the store
	disturbed      int      // figures that count though others were busy
	dir            string
}

func newContest(o options) (*contest, error) {
	dir, err := os.MkdirTemp("", "shared-")
	if err != nil {
		return nil, err
	}
	return &contest{
		options: o, dir: dir,
		shared: &contestant{what: "events, at the store", shares: true, stream: newStream(o.every)},
		memory: &contestant{what: "events, in memory", stream: newStream(o.every)},
	}, nil
}

func (c *contest) contestants() []*contestant { return []*contestant{c.shared, c.memory} }

// close ends the servers.
func (c *contest) close() {
	if c.client != nil {
		c.client.Close()
	}
	for _, x := range c.contestants() {
		if x.server != nil {
			x.server.Stop()
		}
	}
	if c.store != nil {
		c.store.Stop()
	}
	_ = os.RemoveAll(c.dir)
}

// prepare starts the servers, holds their answers against each other, and fills their histories.
func (c *contest) prepare() error {
	if err := c.startStore(); err != nil {
		return err
	}
	key := filepath.Join(c.dir, "entity.key")
	if _, err := entity.ReadOrMakeKey(key); err != nil {
		return err
	}
	c.shared.flags = []string{"--valkey-address", c.store.Address, "--state-entity-key-file", key}
	if c.deadline > 0 {
		c.shared.flags = append(c.shared.flags, "--valkey-deadline", c.deadline.String())
	}
	var wanted []answer
	for _, x := range c.contestants() {
		fmt.Fprintf(os.Stderr, "shared: warming up: %s\n", x.what)
		var err error
		x.server, err = load.Start(filepath.Join(c.cache, "besra"), func(address string) []string {
			return append([]string{"serve", "--listen", address, "--admin-listen", "", "--log-level", "error", "--limits-deadline", "5s", "--limits-concurrency", "off"}, x.flags...)
		})
		if err != nil {
			return err
		}
		if _, err := x.server.Answered(load.Request("GET", "/readyz", nil)); err != nil {
			return err
		}
		got, err := x.answers(c.verified)
		if err != nil {
			return fmt.Errorf("%s: %w", x.what, err)
		}
		if wanted == nil {
			wanted = got
		}
		for i, want := range wanted {
			if got[i] != want {
				return fmt.Errorf("event %d: %s says %+v, %s %+v", i, c.shared.what, want, x.what, got[i])
			}
		}
		if err := x.send(c.warm-c.verified, c.callers); err != nil {
			return err
		}
	}
	return c.measureEvent()
}

// startStore starts the store, and a client that is as besra's.
func (c *contest) startStore() (err error) {
	c.store, err = load.Start(c.options.store, func(address string) []string {
		_, port, _ := net.SplitHostPort(address)
		return []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", c.dir}
	})
	if err != nil {
		return err
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c.client, err = valkey.NewClient(valkey.ClientOption{
			InitAddress: []string{c.store.Address}, DisableCache: true, DisableRetry: true,
			AlwaysPipelining: true, MaxFlushDelay: 20 * time.Microsecond,
			ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10, BlockingPoolSize: 1,
		})
		if err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		return err
	}
	info, err := c.client.Do(context.Background(), c.client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		return err
	}
	c.version = "Redis " + field(info, "redis_version")
	if v := field(info, "valkey_version"); v != "" {
		c.version = "Valkey " + v
	}
	return nil
}

// measureEvent finds out how many bytes the store sends for an event, and puts a value of that size there.
func (c *contest) measureEvent() error {
	const events = 5_000
	before, err := c.sent()
	if err != nil {
		return err
	}
	if err := c.shared.send(events, c.callers); err != nil {
		return err
	}
	after, err := c.sent()
	if err != nil {
		return err
	}
	c.bytes = (after - before) / events
	value := strings.Repeat("x", c.bytes)
	return c.client.Do(context.Background(), c.client.B().Set().Key(sizedKey).Value(value).Build()).Error()
}

const sizedKey = "sized"

// sent is how many bytes the store has sent.
func (c *contest) sent() (int, error) {
	info, err := c.client.Do(context.Background(), c.client.B().Info().Section("stats").Build()).ToString()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(field(info, "total_net_output_bytes"))
}

// field returns what INFO says.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// An answer is what has to be the same wherever the histories are.
type answer struct {
	Score    json.Number
	Margin   json.Number
	Decision string
	Degraded bool
}

// answers sends the next n requests, one after another.
func (x *contestant) answers(n int) ([]answer, error) {
	client, err := load.NewClient(x.server.Address, 1, x.stream.asks())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	all := make([]answer, n)
	for i := range all {
		body, err := client.Ask()
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// send sends the next n requests and waits for all answers.
func (x *contestant) send(n, connections int) error {
	if err := load.Send(x.server.Address, connections, x.stream.asks(), n); err != nil {
		return fmt.Errorf("%s: %w", x.what, err)
	}
	return nil
}

// round measures all in turn; who begins changes.
func (c *contest) round(round int) error {
	type phase = func() (keep func(), err error)
	phases := []phase{
		func() (func(), error) { return c.keepBusy(c.shared) },
		func() (func(), error) { return c.keepBusy(c.memory) },
		c.offerAndGet,
		func() (func(), error) { return c.offer(c.memory) },
	}
	for i := range phases {
		if err := c.quietly(phases[(round+i)%len(phases)]); err != nil {
			return err
		}
	}
	return nil
}

// used is the processor time of all three.
type used struct{ besra, store, load time.Duration }

func (c *contest) used(x *contestant) (u used, err error) {
	var us unix.Rusage
	err = unix.Getrusage(unix.RUSAGE_SELF, &us)
	u.load = time.Duration(us.Utime.Nano() + us.Stime.Nano())
	var storeErr, besraErr error
	u.store, storeErr = c.store.CPU()
	u.besra, besraErr = x.server.CPU()
	return u, errors.Join(err, storeErr, besraErr)
}

func (c *contest) keepBusy(x *contestant) (keep func(), err error) {
	client, err := load.NewClient(x.server.Address, c.callers, x.stream.asks())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	before, err := c.used(x)
	if err != nil {
		return nil, err
	}
	n, took, err := client.ClosedLoop(c.options.closed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.what, err)
	}
	after, err := c.used(x)
	each := func(d time.Duration) float64 { return micros(d) / float64(n) }
	b := busy{
		PerSecond: float64(n) / took.Seconds(),
		CPU:       each(after.besra - before.besra), Store: each(after.store - before.store), Load: each(after.load - before.load),
	}
	return func() { x.closed = append(x.closed, b) }, err
}

func (c *contest) offer(x *contestant) (keep func(), err error) {
	callers, done, err := posts(x.server.Address, x.stream, c.callers)
	if err != nil {
		return nil, err
	}
	defer done()
	before, err := c.used(x)
	if err != nil {
		return nil, err
	}
	l, err := c.atPace(callers)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.what, err)
	}
	after, err := c.used(x)
	l.CPU = micros(after.besra-before.besra) / c.rate / c.options.open.Seconds()
	return func() { x.open = append(x.open, l) }, err
}

// offerAndGet offers events, and gets a value at the same pace, through a client as besra's and over plain connections.
// These are compared, so one that was disturbed is no figure for the others.
func (c *contest) offerAndGet() (keep func(), err error) {
	offered, err := c.offer(c.shared)
	if err != nil {
		return nil, err
	}
	through, err := c.atPace(gets(c.client, sizedKey, c.callers))
	if err != nil {
		return nil, err
	}
	callers, done, err := plainGets(c.store.Address, sizedKey, c.callers)
	if err != nil {
		return nil, err
	}
	defer done()
	plain, err := c.atPace(callers)
	return func() {
		offered()
		c.gets, c.plain = append(c.gets, through), append(c.plain, plain)
	}, err
}

// atPace makes calls at the open loop's rate.
func (c *contest) atPace(callers []pace.Caller) (atPace, error) {
	all, err := pace.Keep(c.rate, c.options.open, callers)
	if err != nil {
		return atPace{}, err
	}
	l := pace.Of(all)
	return atPace{P50: micros(l.P50), P99: micros(l.P99)}, nil
}

// failures counts the calls of the store that besra has seen fail.
func (x *contestant) failures() (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.server.Address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	s := bufio.NewScanner(a.Body)
	for s.Scan() {
		if line := s.Text(); strings.HasPrefix(line, "besra_store_errors_total{") {
			v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			n += int(v)
		}
	}
	return n, s.Err()
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }
