package feature

import "time"

// IsText reports whether column i is text.
func (d *Definition) IsText(i int) bool { return d.isText(i) }

// LocalSeconds returns what a calendar makes of ms, through a Work's cache.
func (w *Work) LocalSeconds(zone *time.Location, ms int64) int64 { return w.zone.local(zone, ms) }

// CalendarOf returns the calendar column of a word at local seconds.
func CalendarOf(word string, local int64) float64 {
	for i, c := range calendars {
		if c == word {
			return calendar(i).of(local)
		}
	}
	panic("no calendar " + word)
}
