//go:build unix

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/besratest"
)

// A number stands for a payment: all of it follows from the number.
type number int

const epoch = int64(1_700_000_000_000) // ms

func (n number) id() string { return fmt.Sprintf("evt_%d", n) }

func (n number) random() *rand.Rand { return rand.New(rand.NewPCG(uint64(n), 17)) }

// time rises by 30 seconds from one payment to the next, and some come late.
func (n number) time() int64 {
	at := epoch + int64(n)*30_000
	if r := n.random(); r.IntN(20) == 0 {
		at -= r.Int64N(2 * 3600_000)
	}
	return at
}

func (n number) event() string {
	r := n.random()
	terminal := fmt.Sprintf(`"t_%d"`, r.IntN(40))
	if r.IntN(20) == 0 {
		terminal = "null"
	}
	return fmt.Sprintf(`{"time":"%s","card":"c_%d","terminal":%s,"amount":%d.%02d}`,
		spell(n.time()), r.IntN(60), terminal, r.IntN(300), r.IntN(100))
}

func (n number) body() string { return fmt.Sprintf(`{"event_id":%q,"event":%s}`, n.id(), n.event()) }

func spell(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// A label is one that is sent. No two are for the same payment and time.
type label struct {
	of    number
	fraud bool
	at    int64
}

func (l label) String() string {
	word := "genuine"
	if l.fraud {
		word = "fraud"
	}
	return fmt.Sprintf(`{"event_id":%q,"label":%q,"time":"%s"}`, l.of.id(), word, spell(l.at))
}

// A load is what is sent to the servers of one test, and what they have acknowledged.
type load struct {
	t        *testing.T
	payments atomic.Int64 // numbers given out
	labels   atomic.Int64
	nameless atomic.Int64 // payments without ids that were acknowledged
	spoken   atomic.Int64 // and sent
	workers  []*worker

	mu       sync.Mutex
	answered map[number][]byte // the answer to it alone
	when     map[number]time.Time
	refused  map[number]bool // once
	labelled map[label]bool
	unsure   [][]label // requests that were not acknowledged
	repeated map[label]bool
	statuses map[string]int
}

// A worker is one client. A payment is labelled by the worker that sends it, so that labels of one payment have an
// order.
type worker struct {
	*load
	r    *rand.Rand
	mine []number
}

func newLoad(t *testing.T, seed uint64) *load {
	l := &load{
		t: t, answered: map[number][]byte{}, when: map[number]time.Time{}, refused: map[number]bool{},
		labelled: map[label]bool{}, repeated: map[label]bool{}, statuses: map[string]int{},
	}
	for i := range workers {
		l.workers = append(l.workers, &worker{load: l, r: rand.New(rand.NewPCG(seed, uint64(i)))})
	}
	return l
}

// run loads s until it no longer answers, or stop is closed. The returned function waits for the end.
func (l *load) run(s *besratest.Process, stop <-chan struct{}) (wait func()) {
	var team sync.WaitGroup
	for _, w := range l.workers {
		team.Go(func() {
			for w.something(s) == nil {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	return team.Wait
}

// something sends something. An error says that the server is gone.
func (w *worker) something(s *besratest.Process) error {
	switch w.r.IntN(16) {
	case 0, 1:
		return w.twins(s)
	case 2, 3:
		return w.batch(s, 1+w.r.IntN(30))
	case 4, 5:
		return w.labelSome(s, 1+w.r.IntN(40))
	case 6: // a label before its event
		n := w.next()
		if err := w.sendLabels(s, []label{w.label(n)}); err != nil {
			return err
		}
		return w.single(s, n)
	default:
		return w.single(s, w.next())
	}
}

func (w *worker) next() number {
	n := number(w.payments.Add(1))
	w.mine = append(w.mine, n)
	return n
}

func (w *worker) single(s *besratest.Process, n number) error {
	a := s.Post("/v1/score", n.body())
	if a.Err != nil {
		return a.Err
	}
	w.count("score", a)
	if a.Status == http.StatusOK {
		w.acknowledge(n, a.Body)
	} else {
		w.refuse(n)
	}
	return nil
}

// twins sends one payment several times at once, alone and in a batch.
func (w *worker) twins(s *besratest.Process) error {
	n := w.next()
	var team sync.WaitGroup
	var errs [3]error
	for i := range errs {
		team.Go(func() {
			if i < 2 {
				errs[i] = w.single(s, n)
			} else {
				errs[i] = w.sendBatch(s, []number{n, n})
			}
		})
	}
	team.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) batch(s *besratest.Process, n int) error {
	list := make([]number, n)
	for i := range list {
		switch {
		case i > 0 && w.r.IntN(10) == 0:
			list[i] = list[w.r.IntN(i)] // a twin
		case w.r.IntN(10) == 0:
			list[i] = -1 // without an id
		default:
			list[i] = w.next()
		}
	}
	return w.sendBatch(s, list)
}

func (l *load) sendBatch(s *besratest.Process, list []number) error {
	items := make([]string, len(list))
	for i, n := range list {
		items[i] = n.body()
		if n < 0 {
			l.spoken.Add(1)
			items[i] = fmt.Sprintf(`{"event":%s}`, number(l.payments.Add(1)).event())
		}
	}
	a := s.Post("/v1/score/batch", `{"events":[`+strings.Join(items, ",")+`]}`)
	if a.Err != nil {
		return a.Err
	}
	l.count("batch", a)
	if a.Status != http.StatusOK {
		return nil
	}
	results, err := results(a.Body)
	if err != nil || len(results) != len(list) {
		l.t.Errorf("a batch of %d got %d results, %v: %v", len(list), len(results), err, a)
		return nil
	}
	for i, n := range list {
		got, ok := alone(n, results[i])
		switch {
		case !ok:
			l.count("item", besratest.Answer{Status: http.StatusServiceUnavailable, Body: results[i]})
			l.refuse(n)
		case n < 0:
			l.nameless.Add(1)
		default:
			l.acknowledge(n, got)
		}
	}
	return nil
}

func results(answer []byte) ([]json.RawMessage, error) {
	var a struct{ Results []json.RawMessage }
	err := json.Unmarshal(answer, &a)
	return a.Results, err
}

// alone returns the answer to a payment by itself, by that in a batch. ok is false for an error.
func alone(n number, result []byte) (answer []byte, ok bool) {
	if bytes.Contains(result, []byte(`"error":`)) {
		return nil, false
	}
	id := fmt.Sprintf(`{"event_id":%q,`, n.id())
	rest := strings.TrimPrefix(string(result), id)
	rest = strings.TrimSuffix(rest, "}")
	rest = strings.TrimSuffix(rest, `,"replayed":true,"version":1`)
	return []byte(id + `"model":"fraud","version":1,` + rest + "}"), true
}

func (w *worker) label(n number) label {
	const days = 10 * 24 * 3600_000
	return label{n, w.r.IntN(3) > 0, n.time() + w.labels.Add(1)*7919%days}
}

// labelSome labels payments of this worker, of which a few have labels already.
func (w *worker) labelSome(s *besratest.Process, n int) error {
	recent := w.mine[max(0, len(w.mine)-1500):]
	n = min(n, len(recent))
	list := make([]label, n)
	for i, k := range w.r.Perm(len(recent))[:n] {
		list[i] = w.label(recent[k])
	}
	return w.sendLabels(s, list)
}

func (l *load) sendLabels(s *besratest.Process, list []label) error {
	if len(list) == 0 {
		return nil
	}
	items := make([]string, len(list))
	for i := range list {
		items[i] = list[i].String()
	}
	a := s.Post("/v1/labels", `{"labels":[`+strings.Join(items, ",")+`]}`)
	if a.Err == nil {
		l.count("labels", a)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Status != http.StatusOK {
		l.unsure = append(l.unsure, list)
		return a.Err
	}
	for _, one := range list {
		l.labelled[one] = true
	}
	return nil
}

// relabel sends the labels again that were not acknowledged.
func (l *load) relabel(s *besratest.Process) {
	l.t.Helper()
	again := l.unsure
	l.unsure = nil
	for _, list := range again {
		for _, one := range list {
			l.repeated[one] = true
		}
		if err := l.sendLabels(s, list); err != nil {
			l.t.Fatal(err)
		}
	}
	if len(l.unsure) > 0 {
		l.t.Errorf("labels are refused: %v", l.statuses)
	}
}

// count counts answers by status. Only a journal that is slow or failing excuses a refusal.
func (l *load) count(what string, a besratest.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses[fmt.Sprintf("%s %d", what, a.Status)]++
	unsaved := a.Status == http.StatusServiceUnavailable && bytes.Contains(a.Body, []byte(`"code":"not-ready"`))
	if a.Status != http.StatusOK && !unsaved {
		l.t.Errorf("%s: %v", what, a)
	}
}

func (l *load) acknowledge(n number, answer []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.answered[n]; ok && !bytes.Equal(before, answer) {
		l.t.Errorf("%s was answered twice:\n%s\n%s", n.id(), before, answer)
	}
	l.answered[n], l.when[n] = answer, time.Now()
}

func (l *load) refuse(n number) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= 0 {
		l.refused[n] = true
	}
}
