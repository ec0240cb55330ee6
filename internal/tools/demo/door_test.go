package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/simulate"
)

// door answers as the contract says: the score is the amount's thousandth, reviewed from 0.05 and declined from 0.1
// on. It keeps what it was asked.
type door struct {
	*httptest.Server
	before func(w http.ResponseWriter, path string, n int) (done bool) // n: which request of its path it is, from 1

	mu      sync.Mutex
	asked   map[string]int      // requests by path
	conns   map[string]struct{} // of payments
	order   int                 // of what comes
	seen    map[int]*seen       // by payment
	newest  int64
	last    map[string]int // payment by card
	wrong   []string
	largest int    // batch
	single  string // the last body of one payment with an id
	tried   string // the body of a dry run
}

// seen is what came of one payment.
type seen struct {
	payment, label     int // when, in the order of what came; 0: never
	second, labelTime  int64
	fraud, alone       bool
	decision           string
	card, term, amount string
}

func newDoor(t *testing.T, before func(w http.ResponseWriter, path string, n int) bool) *door {
	t.Helper()
	d := &door{before: before, asked: map[string]int{}, conns: map[string]struct{}{}, seen: map[int]*seen{}, last: map[string]int{}}
	d.Server = httptest.NewServer(http.HandlerFunc(d.answer))
	t.Cleanup(d.Close)
	return d
}

func (d *door) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.asked[r.URL.Path]++
	n := d.asked[r.URL.Path]
	d.mu.Unlock()
	if d.before != nil && d.before(w, r.URL.Path, n) {
		return
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not JSON", http.StatusUnsupportedMediaType)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/score":
		d.conns[r.RemoteAddr] = struct{}{}
		d.score(w, body)
	case "POST /v1/score/batch":
		d.conns[r.RemoteAddr] = struct{}{}
		d.scoreBatch(w, body)
	case "POST /v1/labels":
		d.label(w, body)
	case "GET /v1/status":
		io.WriteString(w, `{"performance":[`+
			`{"model":"fraud","version":1,"age":"0-7d","events":10,"labelled":9,"frauds":4,"caught":3,"false_alarms":2,"precision":0.6},`+
			`{"model":"fraud","version":1,"age":"7-30d","events":20,"labelled":20,"frauds":6,"caught":5,"false_alarms":2,"precision":0.7},`+
			`{"model":"fraud","version":1,"age":"all","events":99,"labelled":99,"frauds":99,"caught":99,"false_alarms":0,"precision":1},`+
			`{"model":"other","version":1,"age":"0-7d","events":99,"labelled":99,"frauds":99,"caught":99,"false_alarms":0,"precision":null}]}`)
	default:
		http.Error(w, "no such door", http.StatusNotFound)
	}
}

// event is a payment as it is sent.
type event struct {
	EventID string `json:"event_id"`
	DryRun  bool   `json:"dry_run"`
	Event   struct {
		Time           time.Time
		Card, Terminal string
		Amount         json.Number
	}
}

func (d *door) score(w http.ResponseWriter, body []byte) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if e.DryRun {
		d.tried = string(body)
	} else if strings.HasPrefix(e.EventID, "evt_") {
		d.single = string(body)
	}
	fmt.Fprintf(w, `{"event_id":%q,"model":"fraud","version":1,%s}`, e.EventID, d.judge(&e, true))
}

func (d *door) scoreBatch(w http.ResponseWriter, body []byte) {
	var batch struct{ Events []event }
	if err := json.Unmarshal(body, &batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.largest = max(d.largest, len(batch.Events))
	var results []string
	for i := range batch.Events {
		results = append(results, fmt.Sprintf(`{"event_id":%q,%s}`, batch.Events[i].EventID, d.judge(&batch.Events[i], false)))
	}
	fmt.Fprintf(w, `{"model":"fraud","version":1,"results":[%s]}`, strings.Join(results, ","))
}

func (d *door) judge(e *event, alone bool) string {
	amount, _ := e.Event.Amount.Float64()
	score, decision := amount/1000, "approve"
	if score >= 0.1 {
		decision = "decline"
	} else if score >= 0.05 {
		decision = "review"
	}
	if number, ok := strings.CutPrefix(e.EventID, "evt_"); ok {
		d.note(number, e, alone, decision)
	}
	return fmt.Sprintf(`"score":%v,"margin":-1,"decision":%q,"policy":"1"`, score, decision)
}

// note keeps what came, and what is wrong with when it came.
func (d *door) note(number string, e *event, alone bool, decision string) {
	n, err := strconv.Atoi(number)
	at := e.Event.Time.Unix()
	d.newest = max(d.newest, at)
	last, paid := d.last[e.Event.Card]
	switch s := d.of(n); {
	case err != nil, s.payment > 0:
		d.wrong = append(d.wrong, fmt.Sprintf("%s came twice", e.EventID))
	case at < d.newest-3600:
		d.wrong = append(d.wrong, fmt.Sprintf("%s came an hour late", e.EventID))
	case paid && last > n:
		d.wrong = append(d.wrong, fmt.Sprintf("%s came after evt_%d of the same card", e.EventID, last))
	default:
		d.last[e.Event.Card] = n
		d.order++
		s.payment, s.second, s.alone, s.decision = d.order, at, alone, decision
		s.card, s.term, s.amount = e.Event.Card, e.Event.Terminal, e.Event.Amount.String()
	}
}

func (d *door) of(n int) *seen {
	if d.seen[n] == nil {
		d.seen[n] = &seen{}
	}
	return d.seen[n]
}

func (d *door) label(w http.ResponseWriter, body []byte) {
	var labels struct {
		Labels []struct {
			EventID string `json:"event_id"`
			Label   string
			Time    time.Time
		}
	}
	if err := json.Unmarshal(body, &labels); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.order++
	for _, l := range labels.Labels {
		n, _ := strconv.Atoi(strings.TrimPrefix(l.EventID, "evt_"))
		s := d.of(n)
		if s.payment == 0 || s.label > 0 {
			d.wrong = append(d.wrong, fmt.Sprintf("the label of %s came before it, or twice", l.EventID))
		}
		s.label, s.labelTime, s.fraud = d.order, l.Time.Unix(), l.Label == "fraud"
	}
	fmt.Fprintf(w, `{"accepted":%d,"known":%d,"repeated":0,"early":0}`, len(labels.Labels), len(labels.Labels))
}

// check holds what came against the world's payments, from the first to learn to the last that is played.
func (d *door) check(t *testing.T, o Options) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.wrong {
		t.Error(w)
	}
	var came []*seen
	for _, p := range world(t, o) {
		s := d.of(p.Number)
		if s.second != p.Time || s.card != fmt.Sprintf("c_%d", p.Card) || s.term != fmt.Sprintf("t_%d", p.Terminal) ||
			s.amount != fmt.Sprintf("%d.%02d", p.Cents/100, p.Cents%100) {
			t.Fatalf("%+v came as %+v", p, s)
		}
		if s.label == 0 || s.fraud != (p.Scenario != 0) || s.labelTime != p.Time+7*24*3600 {
			t.Fatalf("%+v was labelled as %+v", p, s)
		}
		came = append(came, s)
	}
	if len(came) != len(d.seen) {
		t.Errorf("%d payments came, want %d", len(d.seen), len(came))
	}
	known, latest := 0, 0 // labels are known in the order of payments; the one of them that came last
	for _, s := range came {
		for ; came[known].labelTime <= s.second; known++ {
			latest = max(latest, came[known].label)
		}
		if latest > s.payment {
			t.Fatalf("a label came after a payment that is later than it: %+v", s)
		}
	}
	if o.Learn >= 8 && known == 0 {
		t.Error("no label was known before the end")
	}
}

// world returns the payments that are to come, those to learn first.
func world(t *testing.T, o Options) []simulate.Payment {
	t.Helper()
	var all []simulate.Payment
	heldOut := 0
	err := simulate.Each(t.Context(), o.World, func(p simulate.Payment) error {
		d := int(p.Time-o.World.Start.Unix()) / 86_400
		if d >= o.First {
			heldOut++
		}
		if d >= o.First-o.Learn && (o.Count == 0 || heldOut <= o.Count) {
			all = append(all, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clip(all)
}

func problemAnswer(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"urn:besra:problem:%s","status":%d,"code":%q,"detail":%q}`, code, status, code, detail)
}
