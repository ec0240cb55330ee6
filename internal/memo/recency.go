package memo

// recency is an LRU cache of rows that are known by a hash, without the margins: the latest first.
type recency struct {
	most  int // rows
	of    map[uint64]int32
	rows  []followed
	first int32
	last  int32
}

// followed is a row, and what was seen of it in one period.
type followed struct {
	hash       uint64
	prev, next int32
	period     uint32
	seen, hits uint32 // lookups, and those that found it
}

const none = -1

func newRecency(most int) recency {
	return recency{most: most, of: map[uint64]int32{}, first: none, last: none}
}

// touch makes a row the latest, and returns it and whether it was there. What is returned is valid until the next
// call.
func (r *recency) touch(hash uint64) (*followed, bool) {
	i, known := r.of[hash]
	switch {
	case known:
		if i == r.first {
			return &r.rows[i], true
		}
		r.unlink(i)
	case len(r.rows) == r.most: // the last one makes room
		i = r.last
		r.unlink(i)
		delete(r.of, r.rows[i].hash)
		r.rows[i] = followed{hash: hash}
		r.of[hash] = i
	default:
		i = int32(len(r.rows))
		r.rows = append(r.rows, followed{hash: hash})
		r.of[hash] = i
	}
	row := &r.rows[i]
	row.prev, row.next = none, r.first
	if r.first == none {
		r.last = i
	} else {
		r.rows[r.first].prev = i
	}
	r.first = i
	return row, known
}

func (r *recency) unlink(i int32) {
	prev, next := r.rows[i].prev, r.rows[i].next
	if prev == none {
		r.first = next
	} else {
		r.rows[prev].next = next
	}
	if next == none {
		r.last = prev
	} else {
		r.rows[next].prev = prev
	}
}
