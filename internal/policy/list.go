package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// A List names entities that are decided upon whatever their score, by their keyed hashes.
type List struct {
	Entity   string // the event's field that it is about
	File     string // as the policy spells it
	Decision Decision
	hashes   hashes
}

// Has reports whether an entity of the field l.Entity is listed, by its keyed hash.
func (l *List) Has(hash [16]byte) bool { return l.hashes.has(hash) }

// Len returns how many entities are listed.
func (l *List) Len() int { return len(l.hashes.sorted) }

func (l *List) String() string {
	return fmt.Sprintf("%s any of %d of %s in %s", l.Decision, l.Len(), l.Entity, l.File)
}

// What a list's file may be at most.
const (
	maxLines = 10_000_000
	maxLine  = 4096 // bytes
)

// Read reads a list's file: a keyed hash a line, 32 lower-case hexadecimal digits. What follows a # is a
// comment, and lines may be blank. size is the file's, to take no more memory than is needed; -1: not known.
func (l *List) Read(r io.Reader, size int64) error {
	b := newHashes(size)
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, maxLine), maxLine)
	line := 0
	for s.Scan() {
		line++
		if line > maxLines {
			return fmt.Errorf("%s: more than %d lines", l.File, maxLines)
		}
		text := s.Bytes()
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		text, _, _ = bytes.Cut(text, []byte("#"))
		text = bytes.Trim(text, " \t\r")
		if len(text) == 0 {
			continue
		}
		hash, ok := parseHash(text)
		if !ok {
			return fmt.Errorf("%s:%d: want a keyed hash, 32 lower-case hexadecimal digits as besra state hash prints, not %s",
				l.File, line, excerpt(text))
		}
		b = append(b, hash)
	}
	if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: a line of more than %d bytes", l.File, line+1, maxLine-1)
	} else if err != nil {
		return fmt.Errorf("%s: %w", l.File, err)
	}
	l.hashes = sortHashes(b)
	return nil
}

// excerpt shows what stands in place of a hash, but not all of what may be a card number.
func excerpt(text []byte) string {
	return fmt.Sprintf("%d bytes that begin with %.4q", len(text), text)
}

// Load reads the files of p's lists, which open opens by the names that the policy gives them. An error
// names the file; after one p is of no use.
func (p *Policy) Load(open func(name string) (io.ReadCloser, error)) error {
	for _, l := range p.Lists {
		if err := l.load(open); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) load(open func(name string) (io.ReadCloser, error)) error {
	f, err := open(l.File)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(-1)
	if s, ok := f.(interface{ Stat() (fs.FileInfo, error) }); ok {
		info, err := s.Stat()
		if err != nil {
			return err
		}
		size = info.Size()
	}
	return l.Read(f, size)
}

// Load reads the lists of all policies, as Policy.Load does.
func (s Set) Load(open func(name string) (io.ReadCloser, error)) error {
	for _, model := range s.models() {
		if err := s[model].Load(open); err != nil {
			return err
		}
	}
	return nil
}

// ReadFile reads a file of policies that is given apart from bundles, and their lists. A list's path is
// relative to the file's folder, or absolute.
func ReadFile(path string) (Set, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set, err := ParseSet(path, data)
	if err != nil {
		return nil, err
	}
	err = set.Load(func(name string) (io.ReadCloser, error) { return os.Open(beside(path, name)) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return set, nil
}

// beside returns the path of a list that the policy at path names.
func beside(path, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(path), name)
}
