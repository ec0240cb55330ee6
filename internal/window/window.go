// Package window keeps one entity's recent events in a few bytes and answers questions about windows of event
// time over them: how many payments a card made within a day, what they were on average, which share of a
// terminal's turned out as fraud.
//
// A history is a state, a flat []byte without pointers, and a Layout, which knows what the bytes mean. Millions
// of states cost the garbage collector nothing, and can go into a snapshot or another store as they are. The
// zero history is nil. A state is for one goroutine at a time, even to read.
//
// # What is remembered
//
// A history is a set of events and their marks, in any order of arrival. Its newest event sets its clock:
//
//   - An event further behind the newest than Spec.Lateness is Late: it is answered, but not remembered.
//   - An event counts until it lies Layout.Retention behind the newest. Then it has expired: no question reaches
//     it, it can be neither marked nor removed, and it may be forgotten at any moment without a difference.
//   - MaxEntries that have not expired are all there can be; a further event finds the history Full.
//
// Remove is the undo of Insert. If the last event inserted was the newest and is removed, the newest is again
// what it was before, and what had not expired then has not expired. Once another event was inserted (in steps:
// or marked) the newest stays where it is, even when its event is removed.
//
// # What is answered
//
// Answers are a function of the remembered events, the marks and the current event alone. Neither order nor
// restarts, capacity or earlier questions change a bit: all is counted in integers until one last division or
// root, which all machines round alike.
//
//   - A question is asked as of the current event's time t, over (t−Delay−Window, t−Delay]. Other events at
//     exactly t count if they have been inserted; events later than t do not.
//   - The current event itself counts where Delay is 0, unless Ask.Without.
//   - Count counts events, Sum, Mean, Min, Max and Std numbers that are not Missing, Distinct hashes that are not
//     Missing. Std is that of a sample and needs two. Sum of nothing is 0, the others are Ask.Empty.
//   - SinceLast is the time since the newest other event in the window. SinceFirst is that since the oldest, which
//     may be the current one: 0. With none, Ask.Empty.
//   - FraudShare is the share of events with a mark ≤ t. The current event counts as one without. With no event,
//     Ask.Empty. Several events of one time and the marks of that time are two lists: which event has which mark
//     makes no difference.
//
// # Steps
//
// Where many events come in, Spec.Step trades sharpness for room. An event's time is then ⌊time/Step⌋, a mark's
// ⌈mark/Step⌉, lateness is rounded up, and a window is the last Window/Step steps that end Delay/Step before the
// current one, which is partial and included: it reaches back between Window−Step and Window. All events
// of a step are held as sums, at most 8,388,607 of them; then the history is Full for that step. Count, Sum, Mean,
// Std and FraudShare have steps. Min and Max have not, since Remove could not tell what the next extreme is.
// MaxEntries bounds steps, each with its different marks, rather than events.
//
// # Cost
//
// Each window keeps its place and its sums between questions, and moves from where it is. In order of time a
// question passes each entry once; a late one goes back and forth. Min and Max look through the window when
// their extreme has left it, FraudShare when a mark comes into effect, Distinct once for each event that enters
// or leaves. A late event moves all later ones in memory.
package window

import (
	"encoding/binary"
	"math"
)

const (
	// Missing is the value of an event that lacks it.
	Missing = math.MinInt64
	// MaxNumber bounds numbers, in units of the last declared decimal.
	MaxNumber = 1_000_000_000_000
	// MaxEntries bounds how many entries one history keeps.
	MaxEntries = 1 << 20
	// MaxTime is the last millisecond of the year 9999. Times are milliseconds since 1970-01-01T00:00:00Z.
	MaxTime = 253_402_300_799_999
)

// A Kind says what is asked of a window.
type Kind uint8

// The kinds. Times are answered in seconds.
const (
	Count      Kind = iota // of events, whether they have values or not
	Sum                    // of a number
	Mean                   // of a number
	Min                    // of a number
	Max                    // of a number
	Std                    // sample standard deviation (n−1) of a number
	Distinct               // how many different texts, by their hashes
	SinceLast              // from the newest other event in the window until the current one
	SinceFirst             // from the oldest event in the window until the current one
	FraudShare             // events known as fraud, of all events in the window
)

// A Value is something an event brings to a history, beside its time.
type Value struct {
	Hash     bool // a hash of a text, for Distinct; else a number
	Decimals int  // of a number: it is held as round(x × 10^Decimals), 0..6
}

// An Ask is one aggregate over the window (t−Delay−Window, t−Delay] of event time t.
type Ask struct {
	Kind    Kind
	Value   int     // index into Spec.Values; unused by Count, SinceLast, SinceFirst and FraudShare
	Window  int64   // ms, 1,000 to 90 days
	Delay   int64   // ms, 0 to 90 days
	Without bool    // the current event is left out; it only matters where Delay is 0
	Empty   float64 // the answer where nothing is in the window: NaN or 0. Count, Sum and Distinct always answer 0
}

// A Spec says what a history keeps and what is asked of it.
type Spec struct {
	Values   []Value
	Asks     []Ask
	Labels   bool  // events can be marked as fraud, which FraudShare needs
	Step     int64 // ms; 0: exact. Else time counts in steps
	Lateness int64 // ms: how far an event may lie behind the entity's newest and still be remembered, 0 to 90 days
}

// An Entry is what a history knows of one event.
type Entry struct {
	Time   int64   // ms, 0 to MaxTime; beyond, it is taken as the nearer of the two
	Values []int64 // by Spec.Values: a number, within ±MaxNumber; the 64 bits of a hash; or Missing
}

// Kept is what became of an event.
type Kept uint8

// What becomes of an event.
const (
	Remembered Kept = iota
	Late            // it lies further behind the newest event than Spec.Lateness
	Full            // the history has no room left
)

// Newest returns the time of a state's newest event in ms, which any state has in its first 8 bytes, little
// endian; 0 for nil.
func Newest(state []byte) int64 {
	if len(state) < 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(state))
}
