package scaling

import "time"

// idle is the environments without a request, by when they got idle: the one that was used last is taken first, and the
// one that was used first is taken away first.
type idle struct {
	rests []rest
	first int // those before it have been taken away
}

type rest struct {
	env   int
	since time.Duration
}

func (q *idle) len() int              { return len(q.rests) - q.first }
func (q *idle) any() bool             { return q.len() > 0 }
func (q *idle) oldest() time.Duration { return q.rests[q.first].since }

func (q *idle) push(env int, since time.Duration) {
	if q.first > 0 && len(q.rests) == cap(q.rests) {
		q.rests = q.rests[:copy(q.rests, q.rests[q.first:])]
		q.first = 0
	}
	q.rests = append(q.rests, rest{env, since})
}

func (q *idle) pop() int {
	last := len(q.rests) - 1
	env := q.rests[last].env
	q.rests = q.rests[:last]
	if !q.any() {
		q.rests, q.first = q.rests[:0], 0
	}
	return env
}

func (q *idle) shift() int {
	env := q.rests[q.first].env
	q.first++
	return env
}
