package policy_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/besra-ml/besra/internal/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	setOf   = "models: {fraud: {version: VERSION, cutoffs: {review: 0.5}, lists: [{entity: card, file: blocked.txt, decision: decline}]}}\n"
	someone = "0123456789abcdef0123456789abcdef\n"
)

// A watch is a watched policy with a list, what was applied of it, and what the log says.
type watch struct {
	*policy.Watcher
	policy, list string // paths
	applied      []policy.Set
	refuse       error          // what apply answers
	told         chan time.Time // takes when apply was called, unless nil
	log          strings.Builder
	edits        int
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	dir := t.TempDir()
	w := &watch{policy: filepath.Join(dir, "policy.yaml"), list: filepath.Join(dir, "blocked.txt")}
	w.write(t, w.policy, strings.Replace(setOf, "VERSION", "1", 1))
	w.write(t, w.list, someone)
	log := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "file" {
			return slog.Attr{}
		}
		return a
	}}))
	watcher, set, err := policy.NewWatcher(w.policy, time.Minute, log, func(s policy.Set) error {
		if w.told != nil {
			w.told <- time.Now()
		}
		if w.refuse == nil {
			w.applied = append(w.applied, s)
		}
		return w.refuse
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Watcher = watcher
	if set["fraud"].Version != "1" || set["fraud"].Lists[0].Len() != 1 {
		t.Fatalf("begins with %v", set["fraud"])
	}
	return w
}

// write writes a file and gives it a time of its own, whatever the clock of the file system is worth.
func (w *watch) write(t *testing.T, path, text string) {
	t.Helper()
	write(t, path, text)
	w.edits++
	at := time.Unix(1_800_000_000+int64(w.edits), 0)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func (w *watch) edit(t *testing.T, version string) {
	t.Helper()
	w.write(t, w.policy, strings.Replace(setOf, "VERSION", version, 1))
}

// want checks how many changes were applied, and the last one's policy.
func (w *watch) want(t *testing.T, applied int, last string) {
	t.Helper()
	if len(w.applied) != applied {
		t.Fatalf("%d changes were applied, want %d; log:\n%s", len(w.applied), applied, w.log.String())
	}
	if got := w.applied[applied-1]["fraud"].String(); got != last {
		t.Fatalf("applied %q, want %q", got, last)
	}
}

func TestAChangeIsApplied(t *testing.T) {
	w := newWatch(t)
	w.Poll()
	if len(w.applied) != 0 {
		t.Fatal("applied without a change")
	}
	w.edit(t, "2")
	w.Poll()
	w.Poll()
	w.want(t, 1, "policy 2, decline any of 1 of card in "+"blocked.txt, review from 0.5")
	w.write(t, w.list, someone+strings.Repeat("f", 32))
	w.Poll()
	w.Poll()
	w.want(t, 2, "policy 2, decline any of 2 of card in blocked.txt, review from 0.5")
	const want = `level=INFO msg="policies changed" policies="[fraud: 2]"` + "\n"
	if w.log.String() != want+want {
		t.Error(w.log.String())
	}
}

func TestAListThatIsNoLongerNamedIsNoLongerWatched(t *testing.T) {
	w := newWatch(t)
	w.write(t, w.policy, "models: {fraud: {version: 2, cutoffs: {review: 0.5}}}\n")
	w.Poll()
	w.write(t, w.list, "nonsense")
	w.Poll()
	w.want(t, 1, "policy 2, review from 0.5")
	if strings.Contains(w.log.String(), "refused") {
		t.Error(w.log.String())
	}
}

func TestAFileThatIsTouchedHasNotChanged(t *testing.T) {
	w := newWatch(t)
	w.edit(t, "1")
	w.write(t, w.list, someone)
	for range 25 {
		w.Poll()
	}
	if len(w.applied) != 0 || w.log.Len() != 0 {
		t.Errorf("%d changes, log %q", len(w.applied), w.log.String())
	}
}

func TestAChangeThatLeavesSizeAndTimeIsFoundAtTheTenthLook(t *testing.T) {
	w := newWatch(t)
	info, err := os.Stat(w.policy)
	if err != nil {
		t.Fatal(err)
	}
	w.edit(t, "2")
	if err := os.Chtimes(w.policy, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for range 9 {
		w.Poll()
	}
	if len(w.applied) != 0 {
		t.Fatal("found before the tenth look: the test's file has changed by its size or time")
	}
	w.Poll()
	w.want(t, 1, "policy 2, decline any of 1 of card in blocked.txt, review from 0.5")
}

func TestAFileThatTakesAnothersPlaceIsFoundAtOnce(t *testing.T) {
	w := newWatch(t)
	info, err := os.Stat(w.policy)
	if err != nil {
		t.Fatal(err)
	}
	next := w.policy + ".next"
	write(t, next, strings.Replace(setOf, "VERSION", "2", 1))
	if err := errors.Join(os.Chtimes(next, info.ModTime(), info.ModTime()), os.Rename(next, w.policy)); err != nil {
		t.Fatal(err)
	}
	w.Poll()
	w.want(t, 1, "policy 2, decline any of 1 of card in blocked.txt, review from 0.5")
}

func TestAHalfWrittenFileIsTriedAgainAndToldOnce(t *testing.T) {
	w := newWatch(t)
	w.write(t, w.policy, setOf[:20])
	for range 12 {
		w.Poll()
	}
	if len(w.applied) != 0 || strings.Count(w.log.String(), "\n") != 1 || !strings.HasPrefix(w.log.String(), `level=ERROR msg="policies refused; those before stay" why=`) {
		t.Fatalf("%d changes, log %q", len(w.applied), w.log.String())
	}
	w.write(t, w.list, someone[:20])
	w.edit(t, "3")
	w.Poll()
	w.Poll()
	if strings.Count(w.log.String(), "\n") != 2 || !strings.Contains(w.log.String(), "blocked.txt:1: want a keyed hash") {
		t.Fatalf("log %q", w.log.String())
	}
	w.write(t, w.list, "")
	w.Poll()
	w.want(t, 1, "policy 3, decline any of 0 of card in blocked.txt, review from 0.5")
}

func TestAChangeThatIsTakenBackIsNone(t *testing.T) {
	w := newWatch(t)
	for range 2 {
		w.write(t, w.policy, "models: [")
		w.Poll()
		w.edit(t, "1")
		w.Poll()
	}
	if len(w.applied) != 0 || strings.Count(w.log.String(), "\n") != 2 {
		t.Errorf("%d changes, log %q: want the refusal told each time that it is new", len(w.applied), w.log.String())
	}
}

func TestAnAbsentFileChangesNothing(t *testing.T) {
	w := newWatch(t)
	if err := os.Remove(w.policy); err != nil {
		t.Fatal(err)
	}
	w.Poll()
	w.Poll()
	if len(w.applied) != 0 || strings.Count(w.log.String(), "no such file") != 1 {
		t.Fatalf("%d changes, log %q", len(w.applied), w.log.String())
	}
	w.edit(t, "2")
	w.Poll()
	w.want(t, 1, "policy 2, decline any of 1 of card in blocked.txt, review from 0.5")
}

func TestAChangeThatIsNotTakenIsOfferedAgain(t *testing.T) {
	w := newWatch(t)
	w.refuse = errors.New("card is no entity of fraud")
	w.edit(t, "2")
	w.Poll()
	w.Poll()
	if strings.Count(w.log.String(), "card is no entity of fraud") != 1 {
		t.Fatal(w.log.String())
	}
	w.refuse = nil
	w.Poll()
	w.want(t, 1, "policy 2, decline any of 1 of card in blocked.txt, review from 0.5")
}

func TestAWatcherBeginsWithPoliciesThatAreRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	apply := func(policy.Set) error { return nil }
	if _, _, err := policy.NewWatcher(path, time.Second, slog.New(slog.DiscardHandler), apply); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	write(t, path, setOf)
	if _, _, err := policy.NewWatcher(path, time.Second, slog.New(slog.DiscardHandler), apply); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent list: %v", err)
	}
	write(t, filepath.Join(filepath.Dir(path), "blocked.txt"), someone)
	if _, _, err := policy.NewWatcher(path, 0, slog.New(slog.DiscardHandler), apply); err == nil || !strings.Contains(err.Error(), "every 0s") {
		t.Errorf("no time between looks: %v", err)
	}
}

func TestRunLooksEverySoOftenUntilItIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start := newWatch(t), time.Now()
		w.told = make(chan time.Time)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			w.Run(ctx)
			close(ended)
		}()
		w.edit(t, "2")
		if after := (<-w.told).Sub(start); after != time.Minute {
			t.Errorf("looked after %v", after)
		}
		cancel()
		<-ended
		w.want(t, 1, "policy 2, decline any of 1 of card in blocked.txt, review from 0.5")
	})
}
