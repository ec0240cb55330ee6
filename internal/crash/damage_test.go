//go:build unix

package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/store"
)

// A sound is a state.dir of a service that was killed, and what its journal has.
type sound struct {
	dir       string
	positions []uint64
	records   [][]byte
	snapshot  uint64 // the newest; 0: there is none
	keys      map[store.Key]number
}

// makeSound makes a journal of two segments.
func makeSound(t *testing.T, snapshot bool) *sound {
	t.Helper()
	dir := t.TempDir()
	m := opened(t, dir)
	s := &sound{keys: map[store.Key]number{}}
	some := func(from, to number) {
		var position uint64
		for n := from; n < to; n++ {
			s.keys[m.key(t, dir, n)] = n
			position = m.pay(t, dir, n)
			if n%3 == 0 {
				m.says(t, dir, n-n%2) // the event, or the one before
			}
		}
		m.wait(t, position)
	}
	some(1, 120)
	free := fill(t, m.History().Journal.Stats().Bytes+10) // so that there is a second segment
	m.lose(t, dir, 999_999)
	free()
	m.works(t)
	some(120, 200)
	if snapshot {
		if err := m.History().Snapshot(); err != nil {
			t.Fatal(err)
		}
		s.snapshot = m.History().Journal.Last()
	}
	some(200, 280)
	s.positions, s.records = m.records(t)
	s.dir = killed(t, dir)
	if n := len(s.files(t, "journal-")); n != 2 {
		t.Fatalf("%d segments", n)
	}
	return s
}

// files returns the files of the journal whose names begin so, in order.
func (s *sound) files(t *testing.T, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "journal", prefix+"*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", prefix, err)
	}
	return files
}

// with returns a copy of s in which a file is changed.
func (s *sound) with(t *testing.T, file string, change func(content []byte) []byte) (dir string) {
	t.Helper()
	dir = killed(t, s.dir)
	path := filepath.Join(dir, "journal", filepath.Base(file))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens a damaged copy of s, which is either refused or remembers what the first records say. It returns how many
// they are.
func (s *sound) open(t *testing.T, dir string) (n int, refused *journal.DamagedError) {
	t.Helper()
	m, err := remember(dir)
	if errors.As(err, &refused) {
		return 0, refused
	}
	if err != nil {
		t.Fatal(err)
	}
	_, records := m.records(t)
	if n = len(records); n > len(s.records) || !cmp.Equal(records, s.records[:n]) {
		t.Fatalf("%d records, and not the first", n)
	}
	s.hold(t, m, records)

	// It goes on from there.
	next := m.pay(t, dir, 1000)
	m.wait(t, next)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = opened(t, dir)
	positions, again := m.records(t)
	if len(again) != n+1 || positions[n] != next || !cmp.Equal(again[:n], records) {
		t.Fatalf("%d records after one more, the last at %d, not %d", len(again), positions[len(positions)-1], next)
	}
	s.hold(t, m, again)
	return n, nil
}

// hold holds a memory against the records of its journal, and those of its snapshot that it may lack.
func (s *sound) hold(t *testing.T, m *memory, records [][]byte) {
	t.Helper()
	r, err := newReplay(m.plan)
	if err != nil {
		t.Fatal(err)
	}
	missing := 0 // records that the snapshot has
	for missing < len(s.positions) && s.positions[missing] <= s.snapshot {
		missing++
	}
	all := records
	if n := min(len(records), len(s.records)); n < missing && cmp.Equal(records[:n], s.records[:n]) {
		all = slices.Concat(s.records[:missing], records[n:])
	} else if k := len(records) - 1; k >= 0 && k < missing && cmp.Equal(records[:k], s.records[:k]) { // one more followed
		all = slices.Concat(s.records[:missing], records[k:])
	}
	for i, data := range all {
		if err := r.apply(uint64(i+1), data); err != nil {
			t.Fatal(err)
		}
	}
	same(t, r.canonical(), m.states(t))
	outcomes(t, r, m.History().Outcomes)
	s.answers(t, m, records)
}

// answers checks that the events of these records, and no others, have their answers.
func (s *sound) answers(t *testing.T, m *memory, records [][]byte) {
	t.Helper()
	had := map[store.Key]bool{}
	for _, data := range records {
		if r, err := parse(data); err != nil {
			t.Fatal(err)
		} else if !r.label {
			had[r.key] = true
		}
	}
	for key, n := range s.keys {
		claimed, answer, err := m.History().Store.Claim(context.Background(), key, store.Digest{}, false, nil)
		switch {
		case err != nil:
			t.Fatal(err)
		case had[key] && (claimed != store.Answered || string(answer) != "\x01"+n.id()):
			t.Fatalf("%s: %v %q", n.id(), claimed, answer)
		case !had[key] && claimed != store.Won:
			t.Fatalf("%s has an answer, and is not in the journal: %v %q", n.id(), claimed, answer)
		case claimed == store.Won:
			_ = m.History().Store.Abandon(context.Background(), key, store.Digest{})
		}
	}
}

func variants() int {
	if testing.Short() {
		return 4
	}
	return 24
}

func TestATornJournalIsAPrefix(t *testing.T) {
	for _, snapshot := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a snapshot: %v", snapshot), func(t *testing.T) {
			s := makeSound(t, snapshot)
			files := s.files(t, "journal-")
			r := rand.New(rand.NewPCG(5, 5))
			for range variants() / 3 {
				at := 0
				dir := s.with(t, files[1], func(content []byte) []byte {
					at = r.IntN(len(content))
					return content[:at]
				})
				n, refused := s.open(t, dir)
				if refused != nil || n < 150 {
					t.Fatalf("cut at %d: %d records, %v", at, n, refused)
				}
			}
		})
	}
}

func TestAFlippedBitIsCutOrRefused(t *testing.T) {
	s := makeSound(t, true)
	files := s.files(t, "journal-")
	r := rand.New(rand.NewPCG(6, 6))
	cut, refusals := 0, 0
	for range variants() {
		file, bit := files[r.IntN(len(files))], 0
		dir := s.with(t, file, func(content []byte) []byte {
			bit = r.IntN(8 * len(content))
			if file == files[1] && r.IntN(3) == 0 {
				bit = 8*len(content) - 1 - r.IntN(8*50) // in the last record
			}
			content[bit/8] ^= 1 << (bit % 8)
			return content
		})
		n, refused := s.open(t, dir)
		switch {
		case refused == nil && n == len(s.records):
			t.Fatalf("bit %d of %s is flipped, and nobody notices", bit, file)
		case refused == nil:
			cut++
		case filepath.Base(refused.File) != filepath.Base(file) || refused.Offset > int64(bit/8):
			t.Fatalf("bit %d of %s is flipped: %v", bit, file, refused)
		default:
			refusals++
		}
	}
	t.Logf("%d cut, %d refused", cut, refusals)
	if refusals == 0 {
		t.Error("no flip was refused")
	}
}

func TestADamagedSnapshotIsDoneWithout(t *testing.T) {
	s := makeSound(t, true)
	files := s.files(t, "snapshot-")
	r := rand.New(rand.NewPCG(7, 7))
	for range variants() / 4 {
		dir := s.with(t, files[len(files)-1], func(content []byte) []byte {
			bit := r.IntN(8 * len(content))
			content[bit/8] ^= 1 << (bit % 8)
			return content
		})
		if n, refused := s.open(t, dir); refused != nil || n != len(s.records) {
			t.Fatalf("%d records, %v", n, refused)
		}
	}
}

func TestADamagedJournalIsNotServed(t *testing.T) {
	s := makeSound(t, false)
	file := s.files(t, "journal-")[1]
	dir := s.with(t, file, func(content []byte) []byte {
		content[len(content)/2] ^= 4
		return content
	})
	p := start(t, dir, nil)
	p.Exits(1)
	log := p.Log()
	if !strings.Contains(log, filepath.Base(file)) || !strings.Contains(log, "is damaged at byte ") {
		t.Errorf("the log does not say what is damaged: %s", log)
	}
}
