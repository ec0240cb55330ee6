//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/bench/internal/draw"
	"github.com/besra-ml/besra/internal/store"
	shared "github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A way to share histories. Its methods are called from many goroutines.
type way interface {
	// advance makes an event part of two histories, and has their states from before.
	advance(entities [2]int) error
	// fill gives a history a state.
	fill(entity, size int) error
	// repeats tells how many trips were made again, and how many of one event at most.
	repeats() (n, most int64)
	close()
}

// newWay returns the way of a name.
func newWay(name, address, prefix string) (way, error) {
	if name == "log" {
		return newLogs(address, prefix)
	}
	return newReplaces(address, prefix)
}

// An event's change of a state: some bytes of it, wherever. 40 bytes are about what a payment is to a history.
const (
	opSize     = 40
	leastState = 64
)

func newOp() []byte {
	op := make([]byte, opSize)
	for i := 0; i < len(op); i += 8 {
		binary.LittleEndian.PutUint64(op[i:], rand.Uint64())
	}
	return op
}

// change makes a change. A state is at least as long.
func change(state, op []byte) []byte {
	if len(op) != opSize {
		return append(state[:0], op...)
	}
	if len(state) >= opSize {
		copy(state[len(state)-opSize:], op)
	}
	return state
}

const patience = 10 * time.Second

// logs are besra's own store.
type logs struct {
	store.Shared
	leases sync.Pool
	stop   func()
}

func newLogs(address, prefix string) (*logs, error) {
	s, err := shared.Open(context.Background(), store.SharedOptions{
		Addresses: []string{address}, Prefix: prefix, Deadline: patience,
	}, &telemetry.New(telemetry.Options{}).Store)
	if err != nil {
		return nil, err
	}
	s.Group([16]byte{}, time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	var team sync.WaitGroup
	team.Go(func() { s.Run(ctx) })
	return &logs{Shared: s, leases: sync.Pool{New: func() any { return new(store.Lease) }}, stop: func() { cancel(); team.Wait() }}, nil
}

type changer struct{}

// Change changes a state.
func (changer) Change(_ int, state, op []byte, undo bool) []byte {
	if undo {
		return state
	}
	return change(state, op)
}

func (l *logs) announce(refs []store.Ref, op []byte) error {
	t := l.leases.Get().(*store.Lease)
	defer l.leases.Put(t)
	binary.LittleEndian.PutUint64(t.Tag[:], rand.Uint64())
	t.Ops, t.Change = t.Ops[:0], changer{}
	for range refs {
		t.Ops = append(t.Ops, op)
	}
	ctx := context.Background()
	if err := l.Lease(ctx, refs, t); err != nil {
		return err
	}
	var missing error
	for _, s := range t.States {
		if len(s) < leastState {
			missing = errNoState
		}
	}
	return errors.Join(missing, l.Advance(ctx, t, 0))
}

var errNoState = errors.New("a history has no state")

func (l *logs) advance(entities [2]int) error {
	return l.announce([]store.Ref{{Key: key(entities[0])}, {Key: key(entities[1])}}, newOp())
}

func (l *logs) fill(entity, size int) error {
	err := l.announce([]store.Ref{{Key: key(entity)}}, make([]byte, size))
	if errors.Is(err, errNoState) {
		return nil
	}
	return err
}

func (l *logs) repeats() (n, most int64) { return 0, 0 }

func (l *logs) close() {
	l.stop()
	l.Close()
}

func key(entity int) (k store.Key) {
	binary.LittleEndian.PutUint64(k[:], draw.Mix(uint64(entity)))
	binary.LittleEndian.PutUint64(k[8:], draw.Mix(^uint64(entity)))
	return k
}

// replaces keep a state as its version, 8 bytes, and what it is.
type replaces struct {
	client   valkey.Client
	prefix   string
	n, worst atomic.Int64
}

const versionSize = 8

// replace puts values in the place of others if those are of the versions that were read; else it returns what is
// there. ARGV: the version and the value of each key, how long they are kept, ms.
var replace = valkey.NewLuaScript(`
for i = 1, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 0, 7) ~= ARGV[2 * i - 1] then
    local out = {}
    for j = 1, #KEYS do
      out[j] = redis.call('GET', KEYS[j])
    end
    return out
  end
end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], ARGV[2 * i], 'PX', ARGV[#ARGV])
end
return 1`)

func newReplaces(address, prefix string) (*replaces, error) {
	c, err := valkey.NewClient(clientOptions(address))
	return &replaces{client: c, prefix: prefix}, err
}

// clientOptions are those of package valkey's own client.
func clientOptions(address string) valkey.ClientOption {
	return valkey.ClientOption{
		InitAddress: []string{address}, DisableCache: true, DisableRetry: true,
		AlwaysPipelining: true, MaxFlushDelay: 20 * time.Microsecond,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10, BlockingPoolSize: 1,
	}
}

func (r *replaces) name(entity int) string {
	k := key(entity)
	return r.prefix + valkey.BinaryString(k[:])
}

func (r *replaces) advance(entities [2]int) error {
	names := []string{r.name(entities[0]), r.name(entities[1])}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	values := make([][]byte, len(names))
	for i, got := range r.client.DoMulti(ctx, r.client.B().Get().Key(names[0]).Build(), r.client.B().Get().Key(names[1]).Build()) {
		b, err := got.AsBytes()
		if err != nil {
			return err
		}
		values[i] = b
	}
	op := newOp()
	for n := int64(0); ; n++ {
		args := make([]string, 0, 2*len(names)+1)
		for _, v := range values {
			version := string(v[:versionSize])
			binary.LittleEndian.PutUint64(v, rand.Uint64())
			args = append(args, version, valkey.BinaryString(change(v, op)))
		}
		reply, err := replace.Exec(ctx, r.client, names, append(args, kept)).ToMessage()
		if err != nil {
			return err
		}
		if !reply.IsArray() {
			r.n.Add(n)
			for worst := r.worst.Load(); n > worst && !r.worst.CompareAndSwap(worst, n); worst = r.worst.Load() {
			}
			return nil
		}
		list, err := reply.ToArray()
		if err != nil {
			return err
		}
		for i := range list {
			if values[i], err = list[i].AsBytes(); err != nil {
				return err
			}
		}
	}
}

const kept = "7200000" // ms

func (r *replaces) fill(entity, size int) error {
	value := valkey.BinaryString(make([]byte, versionSize+size))
	return r.client.Do(context.Background(), r.client.B().Set().Key(r.name(entity)).Value(value).Build()).Error()
}

func (r *replaces) repeats() (n, most int64) { return r.n.Load(), r.worst.Load() }

func (r *replaces) close() { r.client.Close() }
