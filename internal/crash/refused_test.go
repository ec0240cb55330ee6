//go:build unix

package crash

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
)

// fill has the system refuse to make any file of this process larger than a number of bytes, until the returned
// function is called: the nearest to a full disk that needs no rights.
func fill(t *testing.T, bytes int64) (free func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(fileSize, &was); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = uint64(bytes)
	if err := syscall.Setrlimit(fileSize, &limit); err != nil {
		t.Fatal(err)
	}
	free = func() { _ = syscall.Setrlimit(fileSize, &was) }
	t.Cleanup(free)
	return free
}

const fileSize = syscall.RLIMIT_FSIZE

// works waits until the journal has found out that it works again.
func (m *memory) works(t *testing.T) {
	t.Helper()
	late := time.After(besratest.Patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for m.History().Journal.Retry() != nil {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the journal does not recover")
		}
	}
}

// unsaid labels a payment, which the journal cannot hold.
func (m *memory) unsaid(t *testing.T, dir string, n number) {
	t.Helper()
	if _, err := m.label(t, dir, n); !errors.Is(err, journal.ErrFailed) {
		t.Fatalf("the disk is full, and the label gets %v", err)
	}
}

func TestARefusedLabelIsTakenWhenItIsRepeated(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.wait(t, m.pay(t, dir, 1))
	free := fill(t, m.History().Journal.Stats().Bytes+10)
	m.unsaid(t, dir, 1)
	free()
	m.works(t)
	if became := m.says(t, dir, 1); became == history.Repeated {
		t.Error("the label counts as repeated; the journal does not have it")
	}
	r := opened(t, killed(t, dir)).followsFromItsJournal(t)
	if n := r.labels[m.key(t, dir, 1)][said{outcome.Fraud, number(1).time() + 1}]; n != 1 {
		t.Errorf("the label is %d times in the journal", n)
	}
}

func TestARefusedEarlyLabelDoesNotMarkItsEvent(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.wait(t, m.pay(t, dir, 2))
	free := fill(t, m.History().Journal.Stats().Bytes+10)
	m.unsaid(t, dir, 1)
	free()
	m.works(t)
	m.wait(t, m.pay(t, dir, 1))
	left := killed(t, dir)
	m = opened(t, left)
	m.followsFromItsJournal(t)
	m.says(t, left, 1) // its sender asks again
	m.followsFromItsJournal(t)
}

func TestARepeatedLabelWaitsForTheFirst(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, dir)
	m.wait(t, m.pay(t, dir, 1))
	var team sync.WaitGroup
	for range 8 {
		team.Go(func() { m.says(t, dir, 1) })
	}
	team.Wait()
	r := opened(t, killed(t, dir)).followsFromItsJournal(t)
	if n := r.labels[m.key(t, dir, 1)][said{outcome.Fraud, number(1).time() + 1}]; n != 1 {
		t.Errorf("the label is %d times in the journal", n)
	}
}
