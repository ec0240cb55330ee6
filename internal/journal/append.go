package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Journal is an open directory. Its methods may be called from many goroutines.
//
// At any time at most one goroutine leads: it alone writes records and changes the files that are written. A waiter
// that finds nobody leading leads itself, so that an idle journal costs no change of goroutines. Meanwhile others queue
// records, which the next leader writes at once.
type Journal struct {
	o    Options
	lock *os.File

	mu       sync.Mutex
	queue    []byte    // records that nobody writes yet
	spare    []byte    // memory for the next queue
	flying   int       // bytes that the leader is writing
	last     uint64    // position given out last
	settled  uint64    // positions up to it were written or refused
	refused  []refusal // which of them were refused, ascending
	leading  bool
	waiters  []*waiter
	left     uint64 // highest position whose waiter has left
	failed   error  // what Append answers; nil: all is well
	lastErr  error
	failures uint64 // so far
	retryAt  time.Time
	closed   bool
	segments []segment // kept, ascending; the last is being written
	kept     []snapshot
	tail            // changed by the leader, with mu held
	durable  uint64 // last position known to be fsynced
	synced   int64  // where it ends in the tail

	bad     atomic.Bool  // an fsync of the tail failed: its page cache can't be trusted
	syncing sync.Mutex   // held while the tail is fsynced or replaced; taken before mu
	files   sync.RWMutex // held while files are read, exclusively while they are removed or replaced
	upkeep  sync.Mutex   // held by Snapshot, Rewrite and Close

	pool sync.Pool // of *waiter
	stop chan struct{}
	done chan struct{}
}

// A refusal is a range of positions whose records were not written.
type refusal struct {
	from, to uint64
	err      error
}

// A waiter is a goroutine that waits for an outcome, or to lead.
type waiter struct {
	position uint64 // toLead: only to lead
	leads    bool   // set before wake: the waiter leads now
	err      error  // set before wake, unless leads
	wake     chan struct{}
}

const (
	toLead      = math.MaxUint64
	maxRefusals = 1024
	maxGather   = 4       // times that a leader lets others go first
	maxSpare    = 8 << 20 // memory of a queue that is kept for the next
	retryAfter  = time.Second
)

// Append queues a copy of the record, and returns its position. It takes memory only: Wait has it written, as do the
// waits for others, Close, and with Sync Interval the next interval. Its errors are ErrTooLarge, ErrFull, ErrClosed and
// ErrFailed with its cause.
//
// A failed journal accepts a record once a second, and tries with it whether the disk works again. Positions of records
// that were accepted but could not be written are not given out again.
func (j *Journal) Append(record []byte) (position uint64, err error) {
	if len(record) > maxRecord {
		return 0, ErrTooLarge
	}
	sum := payloadSum(record)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return 0, ErrClosed
	case j.failed != nil && !j.mayRetry():
		return 0, j.failed
	case len(j.queue)+j.flying+headSize+len(record) > maxQueue:
		return 0, ErrFull
	}
	j.last++
	j.queue = appendRecord(j.queue, record, sum, j.last)
	return j.last, nil
}

// mayRetry tells, once a second, that a failed journal should be tried again. mu is held.
func (j *Journal) mayRetry() bool {
	now := j.o.Now()
	if now.Before(j.retryAt) {
		return false
	}
	j.retryAt = now.Add(retryAfter)
	return true
}

// Wait returns nil when the record at position is written, and with Sync Always fsynced; an error when it was refused.
// ctx ends the wait only, not the record's way to the disk: its cause is returned, and the outcome is unknown. A wait
// that does the writing itself does not end early.
func (j *Journal) Wait(ctx context.Context, position uint64) error {
	j.mu.Lock()
	known, err := j.outcome(position)
	if !known && !j.leading {
		j.leading = true
		j.gather()
		j.flush()
		j.release()
		known, err = j.outcome(position)
	}
	if known {
		j.mu.Unlock()
		return err
	}
	w := j.enlist(position)
	j.mu.Unlock()

	select {
	case <-w.wake:
	case <-ctx.Done():
		if j.leave(w) {
			return context.Cause(ctx)
		}
		<-w.wake
	}
	leads, err := w.leads, w.err
	j.pool.Put(w)
	if !leads {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flush()
	j.release()
	_, err = j.outcome(position)
	return err
}

// gather lets those append first who are about to, as long as some do: they share a write, which costs more than
// all else about a record. The caller leads; mu is held, but not while it waits.
func (j *Journal) gather() {
	for range maxGather {
		queued := len(j.queue)
		j.mu.Unlock()
		runtime.Gosched()
		j.mu.Lock()
		if len(j.queue) == queued {
			return
		}
	}
}

// outcome tells what became of a record, once that is known. mu is held.
func (j *Journal) outcome(position uint64) (known bool, err error) {
	switch {
	case position > j.last:
		return true, fmt.Errorf("position %d was never given out", position)
	case position > j.settled:
		return false, nil
	}
	for i := len(j.refused) - 1; i >= 0 && position <= j.refused[i].to; i-- {
		if position >= j.refused[i].from {
			return true, j.refused[i].err
		}
	}
	return true, nil
}

// enlist adds a waiter. mu is held.
func (j *Journal) enlist(position uint64) *waiter {
	w, ok := j.pool.Get().(*waiter)
	if !ok {
		w = &waiter{wake: make(chan struct{}, 1)}
	}
	w.position, w.leads, w.err = position, false, nil
	j.waiters = append(j.waiters, w)
	return w
}

// leave takes back enlist. With false, it is too late: the waiter is being woken.
func (j *Journal) leave(w *waiter) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.waiters {
		if j.waiters[i] == w {
			j.waiters = append(j.waiters[:i], j.waiters[i+1:]...)
			j.left = max(j.left, w.position)
			j.pool.Put(w)
			return true
		}
	}
	return false
}

// lead makes the caller the leader. mu is held, but not while it waits.
func (j *Journal) lead() {
	if !j.leading {
		j.leading = true
		return
	}
	w := j.enlist(toLead)
	j.mu.Unlock()
	<-w.wake
	j.pool.Put(w)
	j.mu.Lock()
}

// release ends the caller's lead: all whose outcome is known are woken, and the first of the others leads. mu is held.
func (j *Journal) release() {
	for {
		var next *waiter
		rest := j.waiters[:0]
		for _, w := range j.waiters {
			known := false
			if w.position != toLead {
				known, w.err = j.outcome(w.position)
			}
			switch {
			case known:
				w.wake <- struct{}{}
			case next == nil:
				next = w
			default:
				rest = append(rest, w)
			}
		}
		clear(j.waiters[len(rest):])
		j.waiters = rest
		if next != nil {
			next.leads = true
			next.wake <- struct{}{}
			return
		}
		if j.left <= j.settled || len(j.queue) == 0 {
			j.leading = false
			return
		}
		j.flush() // for those who did not stay to do it
	}
}

// flush writes what is queued. The caller leads; mu is held, but not while it writes.
func (j *Journal) flush() {
	if len(j.queue) == 0 {
		return
	}
	batch, first, last := j.queue, j.settled+1, j.last
	j.queue, j.spare, j.flying = j.spare, nil, len(batch)
	j.mu.Unlock()

	var started time.Time
	if j.o.OnWrite != nil {
		started = j.o.Now()
	}
	err := j.write(first, last, batch)
	if err == nil && j.o.OnWrite != nil {
		j.o.OnWrite(len(batch), j.o.Now().Sub(started))
	}

	j.mu.Lock()
	j.flying = 0
	if cap(batch) <= maxSpare {
		j.spare = batch[:0]
	}
	if err != nil {
		j.fail(err)
		return
	}
	j.settled = last
	j.recovered()
}

// fail refuses all records that are not written. The caller leads; mu is held, but not while observers are told.
func (j *Journal) fail(cause error) {
	j.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
	j.lastErr = cause
	j.failures++
	j.retryAt = j.o.Now().Add(retryAfter)
	if j.settled < j.last {
		j.refuse(refusal{j.settled + 1, j.last, j.failed})
	}
	j.settled = j.last
	j.queue = j.queue[:0]
	j.mu.Unlock()
	j.o.Log.Error("journal has failed", "dir", j.o.Dir, "error", cause)
	if j.o.OnFailure != nil {
		j.o.OnFailure(cause)
	}
	j.mu.Lock()
}

// refuse remembers which records were not written. The number of failures that are told apart is bounded; beyond it,
// the oldest two become one, which has what was between them answer late waiters with an error.
func (j *Journal) refuse(r refusal) {
	if n := len(j.refused); n > 0 && j.refused[n-1].to+1 == r.from {
		j.refused[n-1].to = r.to
		j.refused[n-1].err = r.err
		return
	}
	if len(j.refused) == maxRefusals {
		j.refused[1].from = j.refused[0].from
		j.refused = append(j.refused[:0], j.refused[1:]...)
	}
	j.refused = append(j.refused, r)
}

// recovered ends a failure. The caller leads; mu is held, but not while observers are told.
func (j *Journal) recovered() {
	if j.failed == nil {
		return
	}
	j.failed = nil
	j.mu.Unlock()
	j.o.Log.Info("journal works again", "dir", j.o.Dir)
	j.mu.Lock()
}

// Retry tries to write again if the journal has failed and was not tried within a second. It returns nil when the
// journal works. A service that gets no events while its journal fails calls it to get out of that.
func (j *Journal) Retry() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	if j.failed != nil && j.mayRetry() {
		j.lead()
		if !j.closed {
			j.revive()
		}
		j.release()
	}
	return j.failed
}

// revive tries to write after a failure. The caller leads; mu is held, but not while it writes.
func (j *Journal) revive() {
	if len(j.queue) > 0 {
		j.flush()
		return
	}
	if j.failed == nil {
		return
	}
	if j.startSegment() == nil {
		j.recovered()
	}
}

// startSegment goes on in a new segment, behind what is settled. The caller leads; mu is held, but not while it
// writes. An error has failed the journal.
func (j *Journal) startSegment() error {
	first := j.settled + 1
	j.mu.Unlock()
	err := j.roll(first)
	j.mu.Lock()
	if err != nil {
		j.fail(err)
	}
	return err
}

// Close writes and fsyncs what is queued, and lets go of the directory. Its error says that not all of that was
// possible.
func (j *Journal) Close() error {
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.stop)
	<-j.done

	j.mu.Lock()
	j.lead()
	j.flush()
	if j.failed != nil {
		j.revive() // so that a segment says what of the one before is void
	}
	err := j.failed
	j.release()
	j.mu.Unlock()
	if err == nil {
		err = j.sync()
	}
	j.files.Lock()
	defer j.files.Unlock()
	return errors.Join(err, j.file.Close(), j.lock.Close())
}
