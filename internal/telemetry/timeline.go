package telemetry

import (
	"context"
	"sync"
	"time"
)

// A Stage is a part of a request's life.
type Stage uint8

// The stages, in the order in which most requests meet them.
const (
	StageAdmit   Stage = iota // who asks, and whether that may proceed
	StageQueue                // waiting for its turn
	StageDecode               // bytes become events
	StageHistory              // what is known of the entities is read, and events become rows
	StageScore                // rows fall through the trees
	StageDecide               // policy
	StageJournal              // waiting for the disk
	StageEncode               // results become bytes
	StageStore                // waiting for the store that processes share; also within other stages

	StageCount
)

var stageNames = [StageCount]string{
	StageAdmit: "admit", StageQueue: "queue", StageDecode: "decode", StageHistory: "history", StageScore: "score", StageDecide: "decide",
	StageJournal: "journal", StageEncode: "encode", StageStore: "store",
}

func (s Stage) String() string { return stageNames[s] }

// Times tells when one request was in which stage.
type Times struct {
	Begun time.Time
	Laps  [StageCount]Lap
	made  [maxCalls]Call
	calls int
}

// A Timeline notes the times of one request. Its methods are for the goroutine that answers the request, but for Called;
// on nil they do nothing.
type Timeline struct {
	Times
	mu sync.Mutex // for calls, and the store's lap
}

// A Lap is all the time that a request was in one stage. A batch comes back to a stage with each event.
type Lap struct {
	From, To time.Duration // from Begun to when it began first, and ended last
	Busy     time.Duration // in it
	Times    uint32        // that it was entered; 0: the rest is void
}

// A Call is a question to the store that processes share, as of one request.
type Call struct {
	Use      string        // what for
	From, To time.Duration // since Begun
	Failed   bool
}

// maxCalls is how many of a request's calls are told one by one.
const maxCalls = 8

// Start empties the timeline of a request that begins.
func (t *Timeline) Start(begun time.Time) {
	t.Begun, t.calls = begun, 0
	if !Muted {
		clear(t.Laps[:])
	}
}

// Now returns how long ago the request began.
func (t *Timeline) Now() time.Duration {
	if t == nil || Muted {
		return 0
	}
	return time.Since(t.Begun)
}

// Spent tells that the request was in a stage from then until now, and returns now: where the next stage begins.
func (t *Timeline) Spent(s Stage, from time.Duration) (now time.Duration) {
	if t == nil || Muted {
		return 0
	}
	now = time.Since(t.Begun)
	t.Laps[s].add(from, now)
	return now
}

func (l *Lap) add(from, to time.Duration) {
	if l.Times == 0 {
		l.From = from
	}
	l.To = max(l.To, to)
	l.Busy += to - from
	l.Times++
}

// Called tells of a call of the shared store, made for the request. It may be called from several goroutines, until the
// request is answered.
func (t *Timeline) Called(use string, from, to time.Time, failed bool) {
	if t == nil || Muted {
		return
	}
	c := Call{use, from.Sub(t.Begun), to.Sub(t.Begun), failed}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Laps[StageStore].add(c.From, c.To)
	if t.calls < maxCalls {
		t.made[t.calls] = c
		t.calls++
	}
}

// Calls returns the first calls of the shared store.
func (t *Times) Calls() []Call { return t.made[:t.calls] }

// timelineKey is asked of a request's context.
type timelineKey struct{}

// TimelineKey is what a context answers with its request's *Timeline.
var TimelineKey any = timelineKey{}

// TimelineOf returns the timeline of the request that a context is of; nil: of none.
func TimelineOf(ctx context.Context) *Timeline {
	t, _ := ctx.Value(TimelineKey).(*Timeline)
	return t
}
