package outcome

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

const (
	dayMillis = 24 * 60 * 60 * 1000
	// maxCohorts bounds the cohorts: 64 versions on each of 1,000 days.
	maxCohorts = 1000 * 64
	// maxLoss bounds the loss that one record counts with, so that sums hold some 9,000 of the worst.
	maxLoss = 1e15
)

// A cohort is counted together: the events of a day (UTC) that one version of a model scored.
type cohort struct {
	model   string
	version int64
	day     int64 // since 1970
}

type tally struct{ count, loss int64 }

// counts are a cohort's events by decision and label.
type counts [decisionCount][labelCount]tally

func (c *counts) events() (n int64) {
	for _, labels := range c {
		for _, t := range labels {
			n += t.count
		}
	}
	return n
}

// A fact is what of a record is counted.
type fact struct {
	time     int64
	model    []byte
	version  int64
	loss     int64
	decision uint8
}

func (e *entry) fact(c *chunk) fact {
	return fact{time: e.time, model: e.model(c), version: e.version, loss: e.loss, decision: e.decision}
}

func dayOf(ms int64) int64 {
	day := ms / dayMillis
	if ms%dayMillis < 0 {
		day--
	}
	return day
}

// A ledger counts records by cohort.
type ledger struct {
	cohorts map[cohort]*counts
	bound   int
	gone    uint64 // cohorts that left for the bound

	tomorrow func() int64

	last       cohort // the cohort met last: most events are of today
	lastCounts *counts
}

// newLedger counts in at most bound cohorts. No day after tomorrow is the newest.
func newLedger(bound int, tomorrow func() int64) *ledger {
	return &ledger{cohorts: map[cohort]*counts{}, bound: bound, tomorrow: tomorrow}
}

// of returns the counts of a record's cohort; nil when there are none and make is false.
func (l *ledger) of(f *fact, make bool) *counts {
	day := dayOf(f.time)
	if l.lastCounts != nil && l.last.day == day && l.last.version == f.version && l.last.model == string(f.model) {
		return l.lastCounts
	}
	c := l.cohorts[cohort{string(f.model), f.version, day}]
	if c == nil {
		if !make {
			return nil
		}
		if len(l.cohorts) >= l.bound {
			l.shed()
		}
		c = new(counts)
		l.cohorts[cohort{string(f.model), f.version, day}] = c
	}
	if string(f.model) != l.last.model {
		l.last.model = string(f.model)
	}
	l.last.version, l.last.day, l.lastCounts = f.version, day, c
	return c
}

// add counts a record.
func (l *ledger) add(f *fact, label Label) { l.of(f, true).add(f, label, 1) }

// remove takes a record's count away, and its cohort with the last. What a cohort that left had is not missed.
func (l *ledger) remove(f *fact, label Label) {
	c := l.of(f, false)
	if c == nil || c[f.decision][label].count == 0 {
		return
	}
	c.add(f, label, -1)
	if c.events() == 0 {
		delete(l.cohorts, cohort{string(f.model), f.version, dayOf(f.time)})
		l.lastCounts = nil
	}
}

// move counts a record under another label.
func (l *ledger) move(f *fact, from, to Label) {
	if c := l.of(f, false); c != nil && c[f.decision][from].count > 0 {
		c.add(f, from, -1)
		c.add(f, to, 1)
	}
}

func (c *counts) add(f *fact, label Label, n int64) {
	t := &c[f.decision][label]
	t.count += n
	t.loss += n * min(max(f.loss, -maxLoss), maxLoss)
}

// subtract takes away what d has.
func (l *ledger) subtract(d *ledger) {
	for k, less := range d.cohorts {
		c := l.cohorts[k]
		if c == nil {
			continue
		}
		for decision := range c {
			for label := range c[decision] {
				from, gone := &c[decision][label], less[decision][label]
				if gone.count >= from.count { // a cohort that left, and came back with less
					*from = tally{}
					continue
				}
				from.count -= gone.count
				from.loss -= gone.loss
			}
		}
		if c.events() == 0 {
			delete(l.cohorts, k)
		}
	}
	l.lastCounts = nil
}

// shed lets an eighth of the cohorts go: first those of days later than the newest, then the oldest.
func (l *ledger) shed() {
	newest, _ := l.newest()
	keys := slices.SortedFunc(maps.Keys(l.cohorts), func(a, b cohort) int {
		if a.day > newest != (b.day > newest) {
			return cmp.Compare(b.day, a.day)
		}
		return cmp.Or(cmp.Compare(a.day, b.day), strings.Compare(a.model, b.model), cmp.Compare(a.version, b.version))
	})
	for _, k := range keys[:max(1, l.bound/8)] {
		delete(l.cohorts, k)
		l.gone++
	}
	l.lastCounts = nil
}

// newest is the newest day that counts as one: the latest, tomorrow at most, with at least a hundredth of the events of a
// usual day. A usual day is the smallest of the busiest days that together have half of all events; so neither one event
// from the year 9999 nor a thousand days of one event each move it.
func (l *ledger) newest() (day int64, ok bool) {
	days := map[int64]int64{}
	total, tomorrow := int64(0), l.tomorrow()
	for k, c := range l.cohorts {
		if k.day > tomorrow {
			continue
		}
		n := c.events()
		days[k.day] += n
		total += n
	}
	sizes := slices.Sorted(maps.Values(days))
	usual, sum := int64(0), int64(0)
	for _, size := range slices.Backward(sizes) {
		usual, sum = size, sum+size
		if 2*sum >= total {
			break
		}
	}
	for d, n := range days {
		if n > 0 && n*100 >= usual && (!ok || d > day) {
			day, ok = d, true
		}
	}
	return day, ok
}
