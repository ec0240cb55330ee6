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
	dead bool // cancelled, or announced before
	id   id
	at   int64
	op   []byte
	end  int // in the log
}

// A mark remembers that an announcement is in the base.
type mark struct {
	id id
	at int64
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

// resolve finds which announcements are void: those that were cancelled, and of those of one tag all but the first.
func (g *log) resolve() {
	for i := range g.changes {
		if c := &g.changes[i]; c.kind == kindCancel {
			if k := g.cancelled(i); k >= 0 {
				g.changes[k].dead, c.dead = true, true
			} else {
				c.dead = g.mark(&c.id) < 0
			}
		}
	}
	var seen uint64 // a bit for some tags: most are not there twice
	for i := range g.marks {
		seen |= bit(&g.marks[i].id)
	}
	for i := range g.changes {
		c := &g.changes[i]
		if c.dead || c.kind == kindCancel {
			continue
		}
		c.dead = seen&bit(&c.id) != 0 && (g.inBase(i, c.id.tag()) || g.announced(i, c.id.tag()) >= 0)
		seen |= bit(&c.id)
	}
}

func bit(i *id) uint64 { return 1 << (i[0] & 63) }

// cancelled returns which announcement the i-th change, a cancel, makes void; −1: none behind the base.
func (g *log) cancelled(i int) int {
	of := &g.changes[i].id
	for k := i - 1; k >= 0; k-- {
		c := &g.changes[k]
		if !c.dead && c.kind == kindAnnounce && (c.id == *of || of.last() && c.id.tag() == of.tag()) {
			return k
		}
	}
	return -1
}

// announced returns the announcement of a tag before the i-th change that counts; −1: there is none.
func (g *log) announced(i int, tag store.Tag) int {
	for i--; i >= 0; i-- {
		if c := &g.changes[i]; !c.dead && c.kind == kindAnnounce && c.id.tag() == tag {
			return i
		}
	}
	return -1
}

// inBase reports whether a change of that tag is in the base, and not cancelled before the i-th change.
func (g *log) inBase(i int, tag store.Tag) bool {
	n := 0
	for k := range g.marks {
		if g.marks[k].id.tag() == tag {
			n++
		}
	}
	for k := range g.changes[:min(i, len(g.changes))] {
		if c := &g.changes[k]; n > 0 && !c.dead && c.kind == kindCancel && c.id.tag() == tag {
			n--
		}
	}
	return n > 0
}

// mark returns where the base's mark of an announcement is; −1: it has none.
func (g *log) mark(of *id) int {
	return slices.IndexFunc(g.marks, func(m mark) bool { return m.id == *of || of.last() && m.id.tag() == of.tag() })
}

// play carries out the changes from the i-th up to the j-th, of the state of ref.
func (g *log) play(c store.Changer, ref int, state []byte, i, j int) []byte {
	for k := i; k < j; k++ {
		d := &g.changes[k]
		if d.dead {
			continue
		}
		if d.kind == kindAnnounce {
			state = c.Change(ref, state, d.op, false)
			continue
		}
		if m := g.mark(&d.id); m >= 0 {
			g.marks = slices.Delete(g.marks, m, m+1)
			if tag := d.id.tag(); !slices.ContainsFunc(g.marks, func(m mark) bool { return m.id.tag() == tag }) {
				state = c.Change(ref, state, d.op, true)
			}
		}
	}
	return state
}

const (
	foldAt    = 8       // changes behind a base are worth another base
	foldEvery = 4       // of those who announce, one tries
	settled   = 250     // ms after which a change is not expected to be cancelled any more
	keepTag   = 300_000 // ms for which a base remembers that a change is in it
	keepTags  = 256     // of them at most
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
	if i < foldAt/2 {
		return 0
	}
	return i
}

// newBase returns a base of a state that has the first n changes.
func (g *log) newBase(state []byte, n int, now int64) []byte {
	for i := range g.changes[:n] {
		c := &g.changes[i]
		if c.kind == kindAnnounce && (!c.dead || g.inBase(i, c.id.tag()) || g.announced(n, c.id.tag()) >= 0) { // a second one may be all that is left
			g.marks = append(g.marks, mark{c.id, c.at})
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
