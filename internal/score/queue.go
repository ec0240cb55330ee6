package score

import (
	"sync"
	"sync/atomic"

	"github.com/besra-ml/besra/internal/policy"
)

// queueValues is how many values the rows that wait may have, and a batch's rows: 2 MiB.
const queueValues = 1 << 18

// A queue is where events wait for a challenger. It never takes more memory than it begins with.
type queue struct {
	wake   chan struct{} // something waits that did not before, or half of the room is taken
	closed atomic.Bool

	mu   sync.Mutex
	jobs []job // a ring
	head int   // the oldest job
	n    int
	rows []float64 // a ring, too, but no row goes round its end
	tail int       // where the newest row ends
}

// A job is an event for a challenger, and what was said of it.
type job struct {
	match    *match
	score    float64
	decision policy.Decision
	policy   *policy.Policy // the challenger's, as it was then; nil: none
	listed   bool           // a list decided
	at       int            // in the queue's rows
}

func newQueue(n int) queue {
	return queue{wake: make(chan struct{}, 1), jobs: make([]job, n), rows: make([]float64, queueValues)}
}

// hasRoom reports whether one more job may fit.
func (q *queue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n < len(q.jobs)
}

// put queues a job and a copy of its row; false: there is no room.
func (q *queue) put(j job, row []float64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, ok := q.room(len(row))
	if !ok {
		return false
	}
	copy(q.rows[at:], row)
	j.at, q.tail = at, at+len(row)
	q.jobs[(q.head+q.n)%len(q.jobs)] = j
	q.n++
	if q.n == 1 || q.n == len(q.jobs)/2 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// room finds room for a job whose row has so many values.
func (q *queue) room(width int) (at int, ok bool) {
	if q.n == len(q.jobs) || q.closed.Load() {
		return 0, false
	}
	if q.n == 0 {
		return 0, width <= len(q.rows)
	}
	first := q.jobs[q.head].at
	switch {
	case q.tail <= first: // the rows go round the end
		return q.tail, q.tail+width <= first
	case q.tail+width <= len(q.rows):
		return q.tail, true
	}
	return 0, width <= first
}

// take appends the oldest jobs to dst, at most so many, all of one match and with their rows side by side, and
// returns these, too. Both stay in the queue until they are released.
func (q *queue) take(dst []job, most int) (jobs []job, rows []float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	end := 0
	for k := 0; k < min(q.n, most); k++ {
		j := q.jobs[(q.head+k)%len(q.jobs)]
		if k > 0 && (j.match != dst[0].match || j.at != end) {
			break
		}
		dst, end = append(dst, j), j.at+j.match.width()
	}
	if len(dst) == 0 {
		return dst, nil
	}
	return dst, q.rows[dst[0].at:end]
}

// release gives the room of the oldest n jobs back.
func (q *queue) release(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range min(n, q.n) {
		q.jobs[q.head] = job{}
		q.head = (q.head + 1) % len(q.jobs)
		q.n--
	}
}

// close drops what waits and takes no more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed.Store(true)
	clear(q.jobs)
	q.n = 0
}
