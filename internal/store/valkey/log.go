package valkey

import (
	"crypto/rand"
	"encoding/binary"
	"slices"

	"github.com/besra-ml/besra/internal/store"
)

// A change is one record of a log behind its base.
type change struct {
	kind byte
	acts bool // it changes the state; of a cancel: it undoes what is in the base
	live bool // an announcement that is not cancelled
	id   id
	at   int64
	op   []byte
	end  int // in the log
}

// A mark remembers that an announcement is in the base.
type mark struct {
	id   id
	at   int64
	gone int // one more than the change that cancels it; 0: none
}

// A log is what a state's key holds, read. Its slices are parts of the value.
type log struct {
	base    []byte // the state; nil: none
	marks   []mark
	changes []change
	baseEnd int
}

// read reads a value, which is anybody's bytes. After an error the log is empty.
func (g *log) read(value []byte) error {
	g.base, g.marks, g.changes, g.baseEnd = nil, g.marks[:0], g.changes[:0], 0
	rest := value
	for first := true; len(rest) > 0; first = false {
		kind, content, after, err := readRecord(rest)
		rest = after
		switch {
		case err == nil && kind == kindBase && first:
			err = g.readBase(content)
			g.baseEnd = len(value) - len(rest)
		case err == nil && (kind == kindAnnounce || kind == kindCancel) && len(content) >= tagged:
			c := change{kind: kind, at: getTime(content[idSize:]), op: content[tagged:], end: len(value) - len(rest)}
			copy(c.id[:], content)
			g.changes = append(g.changes, c)
		case err == nil:
			err = errRecord
		}
		if err != nil {
			_ = g.read(nil)
			return err
		}
	}
	g.resolve()
	return nil
}

func (g *log) readBase(b []byte) error {
	if len(b) < genSize {
		return errRecord
	}
	b = b[genSize:]
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)/tagged) || size+int(n)*tagged > len(b) {
		return errRecord
	}
	b = b[size:]
	for range n {
		m := mark{at: getTime(b[idSize:])}
		copy(m.id[:], b)
		g.marks = append(g.marks, m)
		b = b[tagged:]
	}
	g.base = b
	return nil
}

// resolve finds what each change does. Of the announcements of a tag that are not cancelled the first counts; so those
// that are in the base do, and when all of them are cancelled their change is undone, unless another was announced by
// then. What is cancelled behind the base is never carried out.
func (g *log) resolve() {
	for i := range g.changes {
		c := &g.changes[i]
		if c.kind == kindAnnounce {
			c.live = true
		} else {
			c.acts = g.cancel(i)
		}
	}
	var seen sieve // most tags are not there twice
	for i := range g.marks {
		seen.add(&g.marks[i].id)
	}
	for i := range g.changes {
		c := &g.changes[i]
		switch {
		case c.live:
			c.acts = !seen.add(&c.id) || !g.counts(i, c.id.tag())
		case c.acts:
			c.acts = !g.counts(i+1, c.id.tag())
		}
	}
}

// A sieve knows of many tags that they were not there before.
type sieve [64]uint64

// add adds a tag, and reports whether it may have been there before.
func (s *sieve) add(i *id) bool {
	word, bit := &s[i[1]&63], uint64(1)<<(i[0]&63)
	was := *word&bit != 0
	*word |= bit
	return was
}

// cancel cancels what the i-th change is about, and reports whether that is in the base.
func (g *log) cancel(i int) bool {
	of := &g.changes[i].id
	for k := i - 1; k >= 0; k-- {
		if c := &g.changes[k]; c.live && of.means(&c.id) {
			c.live = false
			return false
		}
	}
	for k := len(g.marks) - 1; k >= 0; k-- {
		if m := &g.marks[k]; m.gone == 0 && of.means(&m.id) {
			m.gone = i + 1
			return true
		}
	}
	return false
}

// counts reports whether the change of a tag counts just before the i-th change: it is in the base, or announced.
func (g *log) counts(i int, tag store.Tag) bool {
	for k := range g.marks {
		if m := &g.marks[k]; (m.gone == 0 || m.gone > i) && m.id.tag() == tag {
			return true
		}
	}
	for k := range g.changes[:i] {
		if c := &g.changes[k]; c.live && c.id.tag() == tag {
			return true
		}
	}
	return false
}

// announced returns the announcement of a tag that counts; −1: there is none, or it is in the base.
func (g *log) announced(tag store.Tag) int {
	for i := range g.changes {
		if c := &g.changes[i]; c.live && c.acts && c.id.tag() == tag {
			return i
		}
	}
	return -1
}

// play carries out the changes from the i-th up to the j-th, of the state of ref.
func (g *log) play(c store.Changer, ref int, state []byte, i, j int) []byte {
	for k := i; k < j; k++ {
		if d := &g.changes[k]; d.acts {
			state = c.Change(ref, state, d.op, d.kind == kindCancel)
		}
	}
	return state
}

const (
	foldAt    = 8       // changes behind a base are worth another base
	foldEvery = 4       // of those who announce, one tries
	settled   = 20      // ms after which a change is not expected to be cancelled any more; if it is, the base is changed
	keepTag   = 300_000 // ms for which a base remembers that a change is in it
	keepTags  = 128     // of them at most
)

// foldable returns how many of the first changes should go into a new base, 0 for none. Only some of those who ask
// are told to.
func (g *log) foldable(now int64) int {
	n := len(g.changes)
	if n < foldAt || n%foldEvery != 0 {
		return 0
	}
	i := 0
	for i < n && g.changes[i].at < now-settled {
		i++
	}
	if i < foldAt/2 || slices.ContainsFunc(g.changes[i:], func(c change) bool { return c.kind == kindCancel && c.id.last() }) {
		return 0 // which was the last depends on what comes before
	}
	return i
}

// newBase returns a base of a state that has the first n changes.
func (g *log) newBase(state []byte, n int, now int64) []byte {
	g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return m.gone > 0 && m.gone <= n })
	for i := range g.changes[:n] {
		if c := &g.changes[i]; c.live { // a second one of a tag may be all that is left
			g.marks = append(g.marks, mark{id: c.id, at: c.at})
		}
	}
	g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return m.at < now-keepTag })
	marks := g.marks[max(0, len(g.marks)-keepTags):]
	var gen [genSize]byte
	_, _ = rand.Read(gen[:]) // never fails
	head := binary.AppendUvarint(gen[:], uint64(len(marks)))
	for _, m := range marks {
		head = append(head, m.id[:]...)
		head = append(head, make([]byte, timeSize)...)
		putTime(head[len(head)-timeSize:], m.at)
	}
	return appendRecord(nil, kindBase, head, state)
}

// cut returns up to where in the value the first n changes reach.
func (g *log) cut(n int) int {
	if n == 0 {
		return g.baseEnd
	}
	return g.changes[n-1].end
}
