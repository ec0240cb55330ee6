package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/problem"
)

// unserved checks that an operator's error says why a version is not served.
func unserved(t *testing.T, err error, says string) {
	t.Helper()
	var e *problem.Problem
	if !errors.As(err, &e) || e.Code != problem.ModelRefused || !strings.Contains(e.Detail, says) {
		t.Errorf("error %v, want %q", err, says)
	}
}

func TestLoadingAPathServesNoOtherVersionThanWasThere(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	for _, other := range []struct {
		name    string
		version int
	}{{"fraud", 7}, {"abuse", 1}} {
		dir := f.directory(1, 2)
		path := filepath.Join(dir, "fraud/1")
		s := start(t, nil, path, filepath.Join(dir, "fraud/2"))
		if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		f.put(dir, "fraud", 1, f.files(other.name, other.version))
		for range 2 {
			c, err := s.Load(context.Background(), "fraud", 1)
			unserved(t, err, "is not where its manifest says")
			if c.Live == nil || *c.Live != 2 {
				t.Errorf("%+v", c)
			}
			s.want(these("fraud@2 live"), these("fraud@1: inconsistent"))
		}
		f.put(dir, "fraud", 1, f.files("fraud", 1))
		if _, err := s.Load(context.Background(), "fraud", 1); err != nil {
			t.Error(err)
		}
		s.want(these("fraud@2 live", "fraud@1"), nil)
	}
}

func TestAPanicWhileAPathIsLoadedIsARefusal(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	dir := f.directory(1, 2)
	s := start(t, nil, filepath.Join(dir, "fraud/1"), filepath.Join(dir, "fraud/2"))
	if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	s.stock.find("fraud", 1).read = func() (*bundle.Bundle, error) { panic("a file nobody thought of") }
	_, err := s.Load(context.Background(), "fraud", 1)
	unserved(t, err, "a file nobody thought of")
	s.want(these("fraud@2 live"), these("fraud@1: other"))
}

func TestAVersionThatTakesNoEventsWaitsForAChoice(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1), nil)
	files := f.files("fraud", 2)
	delete(files, "features.yaml")
	unlist(files, "features.yaml")
	f.put(s.config.Models.Dir, "fraud", 2, files)
	s.rescan()
	s.want(these("fraud@2", "fraud@1 live"), these("fraud@2: needs-choice"))
	if status, answer := s.post("/v1/score", payment("e1", "2026-11-27T00:00:01Z", "c", "t", 77.5)); status != 200 {
		t.Errorf("%d %s", status, answer)
	}
	if why := s.models.Set().Refused()[0].Why; !strings.Contains(why, "takes no events") || !strings.Contains(why, "models use fraud@2") {
		t.Error(why)
	}
	if c, err := s.Use(context.Background(), "fraud", 2); err != nil || *c.Live != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

// The look that never ends is a test's: it holds what a look holds while it reads.
func TestOperatorsDoNotWaitForALook(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	s.stock.looking.Lock()
	defer s.stock.looking.Unlock()
	done := make(chan error, 1)
	go func() {
		c, err := s.Use(context.Background(), "fraud", 1)
		if err == nil && (*c.Live != 1 || len(s.Versions()) != 2) {
			err = errors.New("version 1 is not live")
		}
		_, e := s.Unload(context.Background(), "fraud", 2)
		done <- errors.Join(err, e)
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("they wait")
	}
}

func TestNobodyWaitsForAPathThatIsLoaded(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	dir := f.directory(1, 2, 3)
	s := start(t, nil, filepath.Join(dir, "fraud/1"), filepath.Join(dir, "fraud/2"), filepath.Join(dir, "fraud/3"))
	if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	e := s.stock.find("fraud", 1)
	read, begun, goOn := e.read, make(chan struct{}), make(chan struct{})
	e.read = func() (*bundle.Bundle, error) {
		close(begun)
		<-goOn
		return read()
	}
	loaded := make(chan error, 1)
	go func() {
		_, err := s.Load(context.Background(), "fraud", 1)
		loaded <- err
	}()
	<-begun
	if c, err := s.Use(context.Background(), "fraud", 2); err != nil || *c.Live != 2 || len(s.Versions()) != 2 { // the third is being read
		t.Errorf("%+v, %v", c, err)
	}
	close(goOn)
	if err := <-loaded; err != nil {
		t.Error(err)
	}
	s.want(these("fraud@3", "fraud@2 live", "fraud@1"), nil)
}

func TestAPinThatIsWrittenDuringALookStays(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	shelf := s.stock.shelves[0]
	seen := &listing{pins: map[string]int{"fraud": 2}, badPins: map[string]error{}}
	if _, err := s.Use(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	s.stock.mu.Lock()
	s.readPins(shelf, seen) // a look saw the pin before
	s.stock.mu.Unlock()
	if shelf.pins["fraud"] != 1 {
		t.Errorf("pinned: %v", shelf.pins)
	}
	s.rescan()
	s.want(these("fraud@2", "fraud@1 live"), nil)
}

func TestStoppingDoesNotWaitForALookThatHangs(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	state := filepath.Join(t.TempDir(), "state")
	var log logged
	s := startLogged(t, slog.New(slog.NewTextHandler(&log, nil)), func(c *Config) {
		c.Models.Dir, c.Models.Poll = f.directory(1), time.Millisecond
		c.State.Dir, c.Timeouts.Drain = state, 50*time.Millisecond
	})
	eventually(t, "it is ready", func() bool { return s.isReady() == nil })
	if status, answer := s.post("/v1/score", payment("e1", "2026-11-27T00:00:01Z", "c", "t", 77.5)); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	s.stock.looking.Lock()
	defer s.stock.looking.Unlock()
	time.Sleep(20 * time.Millisecond) // a look has come to wait
	s.cancel()
	if err := s.ended(); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "snapshot written") || !strings.Contains(text, "stopping while a look") {
		t.Error(text)
	}
}

func TestAPinThatAnotherDirectoryOverrulesIsNotWritten(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	first, second := f.directory(1, 3), f.directory(2)
	if err := WritePin(second, "fraud", 2); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) { c.Models.Dir, c.Models.Poll = second, time.Hour }, first)
	c, err := s.Use(context.Background(), "fraud", 3)
	var e *problem.Problem
	if !errors.As(err, &e) || e.Code != problem.BadRequest || !strings.Contains(e.Detail, "another directory pins fraud@2") || *c.Live != 2 || c.Persisted {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := os.Stat(filepath.Join(first, "fraud", pinFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the pin is there: %v", err)
	}
	s.rescan()
	s.want(these("fraud@3", "fraud@2 live", "fraud@1"), nil)
	for range 2 {
		if err := os.Remove(filepath.Join(second, "fraud", pinFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		s.rescan()
	}
	if c, err := s.Use(context.Background(), "fraud", 3); err != nil || *c.Live != 3 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatIsAwayForOneLookStays(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	dir := f.directory(1, 2, 3, 4)
	if err := WritePin(dir, "fraud", 3); err != nil {
		t.Fatal(err)
	}
	s := f.serve(dir, nil)
	if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	served := s.models.Set()
	for _, path := range these("fraud/live", "fraud/2", "fraud/1", "fraud") {
		for range 2 {
			if err := os.Rename(filepath.Join(dir, path), dir+"-away"); err != nil {
				t.Fatal(err)
			}
			s.rescan()
			s.want(these("fraud@4", "fraud@3 live", "fraud@2"), nil)
			if err := os.Rename(dir+"-away", filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
			s.rescan()
			s.want(these("fraud@4", "fraud@3 live", "fraud@2"), nil)
		}
	}
	if s.models.Set() != served {
		t.Error("there was a swap")
	}
	if err := os.Remove(filepath.Join(dir, "fraud/live")); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.want(these("fraud@4", "fraud@3 live", "fraud@2"), nil)
	s.rescan()
	s.want(these("fraud@4 live", "fraud@3", "fraud@2"), nil)
}

func TestAVersionThatWasUnloadedAndDeletedLeavesNoSeries(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.config.Models.Dir, "fraud/1")); err != nil {
		t.Fatal(err)
	}
	s.rescan()
	s.rescan()
	for family := range s.metrics.Families() {
		for _, series := range family.Series {
			if i := slices.Index(family.Labels, "version"); i >= 0 && series.Values[i] == "1" {
				t.Errorf("%s%v", family.Name, series.Values)
			}
		}
	}
}

func TestWhatIsUnloadedStaysSoWhereverItIs(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	first, second := f.directory(1, 2), f.directory(1, 3)
	s := start(t, func(c *Config) { c.Models.Dir, c.Models.Poll = second, time.Hour }, first)
	s.want(these("fraud@3 live", "fraud@2", "fraud@1"), these("fraud@1: inconsistent"))
	for range 2 {
		if _, err := s.Unload(context.Background(), "fraud", 1); err != nil {
			t.Fatal(err)
		}
		s.rescan()
		s.rescan()
		s.want(these("fraud@3 live", "fraud@2"), nil)
	}
	if _, err := s.Load(context.Background(), "fraud", 1); err != nil {
		t.Fatal(err)
	}
	s.want(these("fraud@3 live", "fraud@2", "fraud@1"), these("fraud@1: inconsistent"))
}

func TestWrongPinsAreNoReasonToSwap(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	s := f.serve(f.directory(1, 2), nil)
	dir := s.config.Models.Dir
	names := these("abuse", "bonus", "chargeback")
	for _, name := range names {
		f.add(dir, name, 1)
	}
	for i, name := range append(names, "fraud") {
		if err := os.WriteFile(filepath.Join(dir, name, pinFile), []byte(these("98", "latest", "97", "99")[i]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.rescan()
	s.rescan() // a pin that cannot be read keeps what has gone live
	served := s.models.Set()
	for range 20 {
		s.rescan()
	}
	if s.models.Set() != served {
		t.Error("there was a swap")
	}
}
