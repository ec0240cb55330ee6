package history

import (
	"encoding/binary"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/outcome"
)

// A sharedOutcome is what a shared store knows of an event that has an id. Its state, and each change of it, is of
// these parts; the last of a kind counts:
//
//	said:  1, the event's time, where it is to be found (see data.go)
//	label: 2, the label, the time from which it is known
type sharedOutcome struct {
	scored bool
	time   int64 // ms
	data   []byte

	labelled bool
	label    outcome.Label
	at       int64 // ms
}

const (
	partSaid  = 1
	partLabel = 2
)

func appendSaid(b []byte, s Stream, e *feature.Event, kept uint16) []byte {
	b = binary.AppendVarint(append(b, partSaid), e.Time)
	return appendText(b, appendData(nil, s.Plan, s.Tenant, e, kept))
}

func appendLabel(b []byte, l outcome.Label, at int64) []byte {
	return binary.AppendVarint(append(b, partLabel, byte(l)), at)
}

// read adds the parts of a state or a change. What cannot be read is left out.
func (o *sharedOutcome) read(b []byte) {
	c := cursor{data: b}
	for len(c.data) > 0 && !c.bad {
		switch c.byte() {
		case partSaid:
			at, data := c.varint(), c.text()
			if !c.bad {
				o.scored, o.time, o.data = true, at, data
			}
		case partLabel:
			l, at := outcome.Label(c.byte()), c.varint()
			if !c.bad && l <= outcome.Fraud {
				o.labelled, o.label, o.at = true, l, at
			}
		default:
			c.bad = true
		}
	}
}

// changeOutcome adds a part to a state, or takes an event back.
func changeOutcome(state, op []byte, undo bool) []byte {
	var o sharedOutcome
	o.read(state)
	if undo && len(op) > 0 && op[0] == partSaid {
		o.scored = false
	} else if !undo {
		o.read(op)
	}
	var b []byte
	if o.scored {
		b = binary.AppendVarint(append(b, partSaid), o.time)
		b = appendText(b, o.data)
	}
	if o.labelled {
		b = appendLabel(b, o.label, o.at)
	}
	return b
}
