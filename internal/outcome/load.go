package outcome

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load opens the files of the manifest and counts their records.
func (t *Table) load() error {
	if err := os.MkdirAll(t.o.Dir, 0o700); err != nil {
		return err
	}
	m, err := t.readManifest()
	if err != nil {
		return err
	}
	t.start, t.position, t.seen, t.opened, t.next = m.position, m.position, m.position, m.position, m.next
	t.active.begin = m.position
	total, done := int64(0), int64(0)
	for _, name := range m.files {
		f, err := openFile(t.o.Dir, name)
		if err != nil {
			return errors.Join(err, t.closeFiles())
		}
		t.files = append(t.files, f)
		total += f.bytes()
	}
	for _, f := range t.files {
		err := f.each(func(s *stored) {
			fact := s.fact()
			t.ledger.add(&fact, s.mark.label)
			t.opened = max(t.opened, s.position, s.mark.position)
		}, func(read int64) { t.o.Progress(done+read, total) })
		if err != nil {
			return errors.Join(err, t.closeFiles())
		}
		done += f.bytes()
		t.o.Progress(done, total)
	}
	return nil
}

func (t *Table) closeFiles() (err error) {
	for _, f := range t.files {
		err = errors.Join(err, f.f.Close())
	}
	return err
}

// each visits all records, which makes the fences as well.
func (f *file) each(visit func(*stored), progress func(read int64)) error {
	s := newScan(f, unlocked{}, false)
	f.fences = make([]uint64, 0, (f.count+fenceEvery-1)/fenceEvery)
	for {
		ok, err := s.next()
		if !ok {
			return err
		}
		n := s.sums.count - 1
		if n%fenceEvery == 0 {
			f.fences = append(f.fences, binary.BigEndian.Uint64(s.stored.key[:]))
		}
		if n%(1<<16) == 0 {
			progress(n*slotBytes + s.sums.size)
		}
		visit(&s.stored)
	}
}

// readManifest reads the manifest and removes what it does not list: files that were being written at a crash, or had been
// replaced.
func (t *Table) readManifest() (m manifest, err error) {
	entries, err := os.ReadDir(t.o.Dir)
	if err != nil {
		return m, err
	}
	var files, stray []string
	for _, e := range entries {
		switch name := e.Name(); {
		case isFileName(name):
			files = append(files, name)
		case strings.HasPrefix(name, "outcome-") && strings.HasSuffix(name, ".tmp"):
			stray = append(stray, name)
		}
	}
	path := filepath.Join(t.o.Dir, manifestName)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(files) > 0:
		return m, &DamagedError{File: path, Reason: "it is missing"}
	case errors.Is(err, fs.ErrNotExist):
		if err := writeManifest(t.o.Dir, &m); err != nil {
			return m, err
		}
	case err != nil:
		return m, err
	default:
		if m, err = parseManifest(b); err != nil {
			return m, &DamagedError{File: path, Reason: err.Error()}
		}
	}
	for _, name := range files {
		if !slices.Contains(m.files, name) {
			stray = append(stray, name)
		}
	}
	for _, name := range stray {
		if err := os.Remove(filepath.Join(t.o.Dir, name)); err != nil {
			return m, err
		}
	}
	return m, nil
}
