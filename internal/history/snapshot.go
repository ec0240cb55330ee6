package history

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
)

// A snapshot is, in order, each number a varint:
//
//	version, shards
//	groups: how many; of each its id and from when its histories are whole
//	marks: how many; of each its time and position
//	labels without events: how many; of each its key, position, label and time
//	for each shard: its states, each 1, the group's index, key, when it was touched, its bytes; then 0 and the
//	position of the last record that is in them
const snapshotVersion = 1

const (
	maxGroups        = 4096
	maxState         = 1 << 30 // bytes
	foreignRetention = 400 * 24 * time.Hour
)

// Snapshot writes all histories beside the journal, so that a start repeats only what came after, and old
// records can go. Answers are not in it: they are in the journal, as long as they are given.
func (h *History) Snapshot() error {
	through := h.Journal.Last()
	wrote := h.wrote.Load()
	if h.Outcomes != nil {
		if err := h.Outcomes.Flush(); err != nil {
			return fmt.Errorf("outcomes: %w", err)
		}
	}
	if err := h.Journal.Snapshot(through, func(w io.Writer) error { return h.write(w, through) }); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	h.wrote.Add(-wrote)
	h.snapped.Store(h.Now().UnixMilli())
	return nil
}

// write writes a snapshot. Every record up to through that is about an entity was carried out before whoever
// queued it let go of the entity's shard, so it is in what is read of the shard now.
func (h *History) write(to io.Writer, through uint64) error {
	w := bufio.NewWriterSize(to, 1<<16)
	var b []byte
	num := func(v int64) { b = binary.AppendVarint(b, v) }
	num(snapshotVersion)
	num(int64(h.Store.Shards()))
	b, index, whole := h.appendGroups(b)
	list := h.marks.copy()
	num(int64(len(list)))
	for _, m := range list {
		num(m.at)
		num(int64(m.position))
	}
	var early []outcome.EarlyLabel
	if h.Outcomes != nil {
		early = h.Outcomes.Early()
	}
	num(int64(len(early)))
	for _, e := range early {
		b = append(b, e.Key[:]...)
		num(int64(e.Position))
		num(int64(e.Label))
		num(e.Time)
	}
	w.Write(b)
	for shard := range h.Store.Shards() {
		b = b[:0]
		position, err := h.Store.Each(shard, func(ref store.Ref, touched time.Time, state []byte) error {
			i, ok := index[ref.Group]
			if !ok {
				return nil
			}
			num(1)
			num(int64(i))
			b = append(b, ref.Key[:]...)
			num(touched.UnixMilli())
			num(int64(len(state)))
			b = append(b, state...)
			return nil
		})
		if err != nil {
			return err
		}
		num(0)
		num(int64(max(position, through)))
		w.Write(b)
	}
	for g, since := range whole {
		if g.since.Load() != since {
			return errMoved
		}
	}
	return w.Flush()
}

// errMoved refuses a snapshot that would say of histories that they are whole which lack events.
var errMoved = errors.New("models were swapped while it was written, and histories became short; the next one has it")

// appendGroups appends the groups, and returns the index of each by the store's number, and from when on it says
// that each is whole. Those that no plan has any more are left out: a start that has them again fills them from the
// journal.
func (h *History) appendGroups(b []byte) (_ []byte, index map[int]int, whole map[*group]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	index, whole = map[int]int{}, map[*group]int64{}
	attached := h.attached()
	var groups []byte
	for id, g := range h.groups {
		if !h.Foreign && !attached[g] {
			continue
		}
		index[g.number] = len(whole)
		groups = append(groups, id[:]...)
		whole[g] = g.since.Load()
		groups = binary.AppendVarint(groups, whole[g])
	}
	b = binary.AppendVarint(b, int64(len(whole)))
	return append(b, groups...), index, whole
}

var errSnapshot = errors.New("the snapshot is not one that this version of besra knows")

// load reads a snapshot, and returns up to where its histories have the journal's records. States of groups that no
// plan has are left out. It may have been written by a store of another number of shards.
func (h *History) load(from io.Reader) (positions, error) {
	r := &snapshotReader{r: bufio.NewReaderSize(from, 1<<16)}
	version, shards := r.num(), r.count(1<<16)
	if version != snapshotVersion || shards == 0 || shards&(shards-1) != 0 {
		return nil, errors.Join(errSnapshot, r.err)
	}
	groups := make([]*group, 0, 16)
	for range r.count(maxGroups) {
		var id feature.Hash
		r.read(id[:])
		groups = append(groups, h.loadGroup(id, r.num()))
	}
	for range r.count(math.MaxInt32) {
		at, position := r.num(), uint64(r.num())
		if r.err != nil {
			return nil, r.err
		}
		h.marks.list = append(h.marks.list, timeMark{at, position})
		h.marks.last.Store(at)
	}
	var early []outcome.EarlyLabel
	for range r.count(math.MaxInt32) {
		var e outcome.EarlyLabel
		r.read(e.Key[:])
		e.Position, e.Label, e.Time = uint64(r.num()), outcome.Label(r.num()), r.num()
		if r.err != nil {
			return nil, r.err
		}
		early = append(early, e)
	}
	if h.Outcomes != nil && len(early) > 0 {
		h.Outcomes.RestoreEarly(early)
	}
	through := make(positions, shards)
	for shard := range through {
		var err error
		if through[shard], err = h.loadShard(r, groups); err != nil {
			return nil, err
		}
	}
	return through, r.err
}

// loadGroup returns the group that a snapshot has under an id, with histories that are whole from since on; nil: no
// plan has it. Snapshots have had groups of one id for all models.
func (h *History) loadGroup(id feature.Hash, since int64) *group {
	g, known := h.groups[id]
	for _, plain := range h.groups {
		if plain.plain == id && id != (feature.Hash{}) {
			raise(&plain.since, since)
			plain.loaded = true
			if !known {
				g = plain
			}
		}
	}
	if h.Foreign && !known {
		g = h.foreign(id) // of this id again in the next snapshot: nobody can tell of which model a state is
	}
	if g != nil {
		raise(&g.since, since)
		g.loaded = true
	}
	return g
}

// positions are, shard by shard of a snapshot, those of the last records that are in it.
type positions []uint64

// of returns the position of a key's shard; 0 without a snapshot.
func (p positions) of(key store.Key) uint64 {
	if len(p) == 0 {
		return 0
	}
	return p[binary.BigEndian.Uint64(key[:])>>(64-bits.Len(uint(len(p)-1)))]
}

// loadShard reads the states of a shard, and returns its position.
func (h *History) loadShard(r *snapshotReader, groups []*group) (position uint64, err error) {
	layouts := h.layouts()
	var state []byte
	for {
		more := r.num()
		if r.err != nil {
			return 0, r.err
		}
		if more == 0 {
			return uint64(r.num()), r.err
		}
		i := r.num()
		var ref store.Ref
		r.read(ref.Key[:])
		touched := time.UnixMilli(r.num())
		n := r.count(maxState)
		if r.err != nil || i < 0 || i >= int64(len(groups)) {
			return 0, errors.Join(errSnapshot, r.err)
		}
		state = slices.Grow(state[:0], min(n, 1<<16))[:0]
		for len(state) < n && r.err == nil {
			more := min(n-len(state), 1<<16)
			state = slices.Grow(state, more)[:len(state)+more]
			r.read(state[len(state)-more:])
		}
		g := groups[i]
		if r.err != nil || g == nil {
			continue
		}
		if l, ok := layouts[g]; ok {
			if err := l.Check(state); err != nil {
				return 0, fmt.Errorf("%w: a history: %w", errSnapshot, err)
			}
		}
		ref.Group = g.number
		h.Store.Put(ref, touched, state)
	}
}

// A snapshotReader reads a snapshot's numbers; after an error, zeros.
type snapshotReader struct {
	r   *bufio.Reader
	err error
}

func (r *snapshotReader) num() int64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(r.r)
	r.fail(err)
	return v
}

// count reads a number of things.
func (r *snapshotReader) count(most int64) int {
	n := r.num()
	if n < 0 || n > most {
		r.fail(errSnapshot)
		return 0
	}
	return int(n)
}

func (r *snapshotReader) read(b []byte) {
	if r.err != nil {
		clear(b)
		return
	}
	_, err := io.ReadFull(r.r, b)
	r.fail(err)
}

func (r *snapshotReader) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.err == nil {
		r.err = err
	}
}
