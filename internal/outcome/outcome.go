// Package outcome remembers what was said of each event and what it turned out to be, and makes the figures from it.
//
// A Table maps an event's key to its Record: when it was, what scored it, the score, the decision, the loss, and the
// label, which comes days or months later. Without a directory it lives in memory, bounded. With one it is
// log-structured: a memory part takes records; when it is full, one background goroutine sorts it by key and writes it
// as an immutable file, and merges files of like size, so that a lookup meets about ten. The format is in format.go.
//
// # Durability
//
// The table has no log of its own: its owner keeps a journal and hands in each record's position there. Position says up
// to where the table is on disk; after a crash the owner repeats, in order, what its journal has after that. It may begin
// as far back as it likes: what is on disk already is not taken twice.
//
// # Erasure and age
//
// Forget removes records; files whose events are all older than Options.Retain are dropped, and merging drops older
// records. The figures go with the records.
package outcome

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Key is a keyed hash of tenant, model and event id: uniform, so that nobody can choose it. Lookups rely on that.
type Key [16]byte

// A Label is what an event turned out to be.
type Label uint8

// The labels.
const (
	Unlabelled Label = iota
	Genuine
	Fraud
	labelCount
)

// String is the label's word.
func (l Label) String() string {
	switch l {
	case Unlabelled:
		return "unlabelled"
	case Genuine:
		return "genuine"
	case Fraud:
		return "fraud"
	default:
		return fmt.Sprintf("label %d", uint8(l))
	}
}

// The decisions of a Record, numbered as policy.Decision's.
const (
	None uint8 = iota
	Approve
	Review
	Decline
	decisionCount
)

const (
	// MaxModel bounds a model's name, in bytes; a longer one is cut.
	MaxModel = 64
	// MaxData bounds a record's Data, in bytes; a record with more is kept without, and counted in Stats.Oversized.
	MaxData = 1 << 10
)

// A Record is one scored event.
type Record struct {
	Time      int64 // of the event, in ms since 1970
	Model     string
	Version   int
	Score     float64
	Decision  uint8 // None, Approve, Review or Decline; anything else is kept as None
	Loss      int64 // in units that the caller fixes, such as hundredths; 0 when unknown
	Label     Label
	LabelTime int64  // when the label was known, in ms since 1970
	Data      []byte // opaque: what the caller needs to apply a label to histories
}

// Options of a Table. The zero value is a table in memory.
type Options struct {
	// Dir is where the files lie; it is made when it is not there. Empty: memory only. One process at a time may have it
	// open; the table does not check that.
	Dir string
	// Bytes bounds the memory of records, to within some 64 KiB. Memory only: the oldest inserted leave first, counted in
	// Stats.Dropped. On disk it bounds what waits for the disk; beyond it records are not taken (Stats.Lost), Position stays
	// before them, and repeating the journal after a restart brings them back. Default 1 GiB.
	Bytes int64
	// Retain is how far behind the newest event the newest of a file may lie before the file is dropped; merging drops older
	// records by the same rule. The newest event is the end of the newest day by Performance's rule, so that no event from
	// the year 9999 makes the table forget. Default 400 days. On disk only.
	Retain time.Duration
	// Part is how many records the memory part holds before it is written; default 65,536.
	Part int
	// Early bounds the labels kept for events not yet seen; default 65,536.
	Early int
	// Durable makes the owner's journal durable and returns its last position; nil: there is none. The table writes
	// nothing to disk before that, and claims no position beyond it: it is never ahead of the journal.
	Durable func() (uint64, error)
	// Progress, when not nil, is told now and then how many of the bytes on disk Open has read. Open reads them all, because
	// the figures are counted anew.
	Progress func(done, total int64)
	// Now is the clock, which only keeps days to come from being the newest; nil: time.Now.
	Now func() time.Time
	// Log takes what goes wrong in the background; nil: nothing is logged.
	Log *slog.Logger
}

// An EarlyLabel came before its event.
type EarlyLabel struct {
	Key      Key
	Position uint64
	Label    Label
	Time     int64
}

// Stats are a table's counts at a moment.
type Stats struct {
	Records       int64  // held; one that was put again after it went to disk counts twice until its files are merged
	Files         int    // on disk
	DiskBytes     int64  // of files
	MemoryRecords int64  // of Records, those in memory
	MemoryBytes   int64  // really held for them, index included
	Waiting       int    // full memory parts that wait for the disk, at most two but for Flush
	Late          uint64 // records put into a full memory part because two were waiting
	Lost          uint64 // records not taken because Options.Bytes waited for the disk; a restart brings them back
	Dropped       uint64 // records that left for Options.Bytes, memory only
	Expired       uint64 // records dropped for Options.Retain
	Oversized     uint64 // records kept without their Data
	Early         int    // labels waiting for their event
	EarlyDropped  uint64 // labels that left for Options.Early
	Merges        uint64
	Cohorts       int    // of the figures
	CohortsGone   uint64 // that left for their bound
	Position      uint64
	Failure       error // why the last write in the background failed; nil once one succeeds
}

// ErrClosed is returned after Close.
var ErrClosed = errors.New("outcome: the table is closed")

// errLabel refuses a label that is none.
var errLabel = errors.New("outcome: no such label")

// A DamagedError names what cannot be read on disk, and where.
type DamagedError struct {
	File   string
	Offset int64
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("outcome: %s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}
