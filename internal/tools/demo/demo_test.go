package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door answers as the contract says: the score is the amount's thousandth, reviewed from 0.25 and declined
// from 0.5 on. It keeps what it was asked.
type door struct {
	*httptest.Server
	before func(w http.ResponseWriter, n int64) (done bool) // n: which request it is, from 1

	asked atomic.Int64
	mu    sync.Mutex
	saw   map[string]string // body by event id
	conns map[string]bool
}

func newDoor(t *testing.T, before func(w http.ResponseWriter, n int64) (done bool)) *door {
	t.Helper()
	d := &door{before: before, saw: map[string]string{}, conns: map[string]bool{}}
	d.Server = httptest.NewServer(http.HandlerFunc(d.score))
	t.Cleanup(d.Close)
	return d
}

func (d *door) score(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/score" || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "no such door", http.StatusNotFound)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if d.before != nil && d.before(w, d.asked.Add(1)) {
		return
	}
	var q struct {
		EventID  string `json:"event_id"`
		Model    string
		Features struct{ Amount float64 }
	}
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	d.saw[q.EventID] = string(body)
	d.conns[r.RemoteAddr] = true
	d.mu.Unlock()
	score, decision := q.Features.Amount/1000, "approve"
	if score >= 0.5 {
		decision = "decline"
	} else if score >= 0.25 {
		decision = "review"
	}
	fmt.Fprintf(w, `{"event_id":%q,"model":%q,"version":1,"score":%v,"margin":-1,"decision":%q,"policy":"1"}`,
		q.EventID, q.Model, score, decision)
}

// requests returns the bodies by event id.
func (d *door) requests() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.saw)
}

func (d *door) connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"urn:besra:problem:%s","status":%d,"code":%q,"detail":%q}`, code, status, code, detail)
}

// eight payments: of four frauds one is approved, one reviewed and two declined.
const eight = `event_id,time,card,terminal,amount,night,label
evt_1,2018-09-01T00:00:01Z,c_1,t_1,10.50,0,genuine
evt_2,2018-09-01T00:00:02Z,c_2,t_1,20.25,1,fraud
evt_3,2018-09-01T00:00:03Z,c_1,t_2,250,0,genuine
evt_4,2018-09-01T00:00:04Z,c_3,t_3,300.10,,fraud
evt_5,2018-09-01T00:00:05Z,c_4,t_1,500.00,1,genuine
evt_6,2018-09-01T00:00:06Z,c_5,t_4,600.20,1,fraud
evt_7,2018-09-01T00:00:07Z,c_6,t_4,700.30,0,fraud
evt_8,2018-09-01T00:00:08Z,c_7,t_4,5e0,0,genuine
`

func options(url, payments string) Options {
	return Options{
		URL: url, Model: "fraud", Payments: strings.NewReader(payments), Features: []string{"night", "amount"},
		Duration: 20 * time.Millisecond, CostReview: 7.5,
	}
}

// many returns n payments of 10.00 each, genuine.
func many(n int) string {
	var b strings.Builder
	b.WriteString("event_id,amount,night,label\n")
	for i := range n {
		fmt.Fprintf(&b, "evt_%d,10.00,0,genuine\n", i)
	}
	return b.String()
}

func TestPlay(t *testing.T) {
	d := newDoor(t, nil)
	var out bytes.Buffer
	o := options(d.URL, eight)
	o.Out = &out
	r, err := Play(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("counts decisions, frauds and amounts", func(t *testing.T) {
		want := Report{
			Payments: 8, Answered: 8, Failures: map[string]int{},
			Approve:    Class{Payments: 3, Frauds: 1, Amount: 1050 + 2025 + 500, FraudAmount: 2025},
			Review:     Class{Payments: 2, Frauds: 1, Amount: 25000 + 30010, FraudAmount: 30010},
			Decline:    Class{Payments: 3, Frauds: 2, Amount: 50000 + 60020 + 70030, FraudAmount: 60020 + 70030},
			ReviewCost: 2 * 750,
		}
		ignored := cmpopts.IgnoreFields(Report{}, "Elapsed", "Rate", "P50", "P99", "Max", "Curl")
		if diff := cmp.Diff(want, r, ignored); diff != "" {
			t.Error(diff)
		}
		if r.Max <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Rate <= 0 || r.Elapsed < 7*o.Duration/8 {
			t.Errorf("times make no sense: %+v", r)
		}
	})

	t.Run("works out what that is worth", func(t *testing.T) {
		type worth struct {
			Precision, Recall float64
			Saved, Missed     Money
			Good              int
			TurnedAway        Money
		}
		got := worth{Precision: r.Precision(), Recall: r.Recall(), Saved: r.Saved(), Missed: r.Missed()}
		got.Good, got.TurnedAway = r.TurnedAway()
		// 5 stopped, of which 3 of the 4 frauds, worth 300.10 + 600.20 + 700.30, less two reviews of 7.50.
		want := worth{Precision: 3.0 / 5, Recall: 3.0 / 4, Saved: 158560, Missed: 2025, Good: 1, TurnedAway: 50000}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("sends numbers as they stand and leaves out what is missing", func(t *testing.T) {
		want := map[string]string{
			"evt_1": `{"event_id":"evt_1","model":"fraud","features":{"night":0,"amount":10.50}}`,
			"evt_4": `{"event_id":"evt_4","model":"fraud","features":{"amount":300.10}}`,
			"evt_8": `{"event_id":"evt_8","model":"fraud","features":{"night":0,"amount":5e0}}`,
		}
		for id, body := range want {
			if d.requests()[id] != body {
				t.Errorf("%s was sent as %s, want %s", id, d.requests()[id], body)
			}
		}
	})

	t.Run("ends with the first declined fraud, to be tried", func(t *testing.T) {
		want := "curl -s " + d.URL + `/v1/score -H 'Content-Type: application/json' -d ` +
			`'{"model":"fraud","features":{"night":1,"amount":600.20}}'`
		if r.Curl != want {
			t.Errorf("got  %s\nwant %s", r.Curl, want)
		}
		if !strings.HasSuffix(out.String(), "Try it; this payment scored 0.6002 and was declined:\n\n"+want+"\n") {
			t.Errorf("it is not at the end of\n%s", out.String())
		}
	})

	t.Run("the command works as it is shown", func(t *testing.T) {
		if _, err := exec.LookPath("curl"); err != nil {
			t.Skip("curl is not installed")
		}
		answer, err := exec.CommandContext(t.Context(), "sh", "-c", r.Curl).Output()
		if err != nil || !strings.Contains(string(answer), `"decision":"decline"`) {
			t.Errorf("got %q, error %v", answer, err)
		}
	})
}

func TestPlaySome(t *testing.T) {
	for _, c := range []struct {
		name        string
		count, want int
	}{
		{"plays the first few", 5, 5},
		{"plays all when more are asked for than there are", 100, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t, nil)
			o := options(d.URL+"/", eight)
			o.Count = c.count
			r, err := Play(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Payments != c.want || r.Answered != c.want || len(d.requests()) != c.want || d.requests()["evt_1"] == "" {
				t.Errorf("played %d, %d answered, door saw %v; want %d", r.Payments, r.Answered, d.requests(), c.want)
			}
		})
	}
	t.Run("names no model when none is named", func(t *testing.T) {
		d := newDoor(t, nil)
		o := options(d.URL, eight)
		o.Model = ""
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if want := `{"event_id":"evt_1","features":{"night":0,"amount":10.50}}`; d.requests()["evt_1"] != want {
			t.Errorf("sent %s, want %s", d.requests()["evt_1"], want)
		}
	})
}

func TestPace(t *testing.T) {
	t.Run("payments are spread over the duration and few connections", func(t *testing.T) {
		var mu sync.Mutex
		var times []time.Time
		d := newDoor(t, func(http.ResponseWriter, int64) bool {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Now())
			return false
		})
		o := options(d.URL, many(200))
		o.Duration = 400 * time.Millisecond
		start := time.Now()
		if _, err := Play(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{50, 100, 199} { // none may come before it is due
			if due := time.Duration(i) * 2 * time.Millisecond; times[i].Sub(start) < due {
				t.Errorf("payment %d came after %v, before its time %v", i, times[i].Sub(start), due)
			}
		}
		if d.connections() > workers {
			t.Errorf("%d connections, want at most %d", d.connections(), workers)
		}
	})

	t.Run("latency counts from the intended time while the server stalls", func(t *testing.T) {
		const stall = 300 * time.Millisecond
		d := newDoor(t, func(_ http.ResponseWriter, n int64) bool {
			if n <= workers {
				time.Sleep(stall)
			}
			return false
		})
		o := options(d.URL, many(2000)) // five a millisecond: the stall makes three quarters of them late
		o.Duration = 400 * time.Millisecond
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// Only 8 of 2,000 took long after they were sent: from then on, p50 and p99 would be short.
		if r.P50 < stall/10 || r.P99 < stall*3/4 {
			t.Errorf("p50 %v, p99 %v, although the server stalled for %v", r.P50, r.P99, stall)
		}
	})
}

func TestInterrupted(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		t.Run(fmt.Sprintf("stops at once and sums up, terminal %v", terminal), func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			release := make(chan struct{})
			defer close(release)
			d := newDoor(t, func(_ http.ResponseWriter, n int64) bool {
				if n == 50 {
					interrupt()
				}
				if n >= 50 {
					<-release // and never answers in time
				}
				return false
			})
			var out bytes.Buffer
			o := options(d.URL, many(2000))
			o.Duration, o.Out, o.Terminal = 20*time.Second, &out, terminal
			start := time.Now()
			r, err := Play(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v to stop", took)
			}
			if !r.Interrupted || r.Failed != 0 || r.Answered < 49-workers || r.Answered > 49 {
				t.Errorf("report is %+v", r)
			}
			want := fmt.Sprintf("Played %d of 2,000 payments in", r.Answered)
			if got := out.String(); !strings.Contains(got, want) || !strings.Contains(got, ", then interrupted.\n") || strings.Contains(got, "curl") {
				t.Errorf("%q is not in\n%s", want, got)
			}
		})
	}
	t.Run("before it begins, nothing is played", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		d := newDoor(t, nil)
		r, err := Play(ctx, options(d.URL, eight))
		if err != nil || !r.Interrupted || r.Answered != 0 || len(d.requests()) != 0 {
			t.Errorf("report is %+v, error %v; the door saw %d", r, err, len(d.requests()))
		}
	})
}

func TestFailures(t *testing.T) {
	t.Run("of some are counted by kind and left out of the rest", func(t *testing.T) {
		d := newDoor(t, func(w http.ResponseWriter, n int64) bool {
			switch n {
			case 1, 2:
				problem(w, 503, "overloaded", "try later")
			case 3:
				fmt.Fprint(w, `{"score":0.5}`)
			case 4:
				fmt.Fprint(w, `{"score":`)
			case 5:
				fmt.Fprint(w, `{"score":0.5,"decision":"perhaps"}`)
			case 6:
				http.Error(w, "not json", http.StatusBadGateway)
			case 7:
				panic(http.ErrAbortHandler)
			default:
				return false
			}
			return true
		})
		var out bytes.Buffer
		o := options(d.URL, many(20))
		o.Out = &out
		r, err := Play(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{
			"status 503 overloaded": 2, "no decision": 1, "answer is not JSON": 1, "unknown decision": 1,
			"status 502": 1, "connection lost": 1,
		}
		if diff := cmp.Diff(want, r.Failures); diff != "" {
			t.Error(diff)
		}
		if r.Failed != 7 || r.Answered != 13 || r.Approve.Payments != 13 {
			t.Errorf("report is %+v", r)
		}
		if !strings.Contains(out.String(), "status 503 overloaded: 2") {
			t.Errorf("the summary hides it:\n%s", out.String())
		}
	})

	t.Run("of all are an error that quotes the server", func(t *testing.T) {
		d := newDoor(t, func(w http.ResponseWriter, _ int64) bool {
			problem(w, 422, "missing-feature", "amount is required")
			return true
		})
		r, err := Play(t.Context(), options(d.URL, eight))
		want := "demo: no payment was answered, 8 failed; the first: status 422 missing-feature: amount is required"
		if err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
		if r.Failed != 8 || r.Curl != "" {
			t.Errorf("report is %+v", r)
		}
	})

	t.Run("to connect are an error", func(t *testing.T) {
		d := newDoor(t, nil)
		d.Close()
		r, err := Play(t.Context(), options(d.URL, eight))
		if err == nil || r.Failures["connection refused"] != 8 {
			t.Errorf("error is %v, failures are %v", err, r.Failures)
		}
	})

	t.Run("to write are an error", func(t *testing.T) {
		d := newDoor(t, nil)
		o := options(d.URL, eight)
		o.Out = broken{}
		if _, err := Play(t.Context(), o); !errors.Is(err, errBroken) {
			t.Errorf("error is %v, want %v", err, errBroken)
		}
	})

	t.Run("of endless kinds stay few", func(t *testing.T) {
		tally := newTally(100, 0, time.Now())
		for i := range 100 {
			tally.add(i, &payment{}, answer{}, &failure{fmt.Sprint("kind ", i), io.EOF}, 0, time.Now())
		}
		if r := tally.report(); len(r.Failures) != maxKinds+1 || r.Failures["other"] != 100-maxKinds {
			t.Errorf("failures are %v", r.Failures)
		}
	})
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestRefused(t *testing.T) {
	const head = "event_id,amount,night,label\n"
	for _, c := range []struct{ name, payments, want string }{
		{"an empty file", "", "read payments: there is no header"},
		{"a header alone", head, "read payments: there are none below the header"},
		{"a missing column", "event_id,amount,night\n", `read payments: column "label" is missing`},
		{"a missing feature", "event_id,amount,label\n", `read payments: column "night" of a feature is missing`},
		{"a repeated column", "event_id,amount,amount,night,label\n", `read payments: column "amount" is there twice`},
		{"a short line", head + "evt_1,1,0,genuine\nevt_2,1,0\n", "read payments: record on line 3: wrong number of fields"},
		{"a stray quote", head + "evt_1,1\"2,0,genuine\n", `read payments: parse error on line 2, column 8: bare " in non-quoted-field`},
		{"no event id", head + ",1,0,genuine\n", "read payments: line 2: event_id is empty"},
		{"an amount that is none", head + "evt_1,much,0,genuine\n", `read payments: line 2: amount "much" is not a number from 0 to 1000000000`},
		{"an amount below 0", head + "evt_1,-1,0,genuine\n", `read payments: line 2: amount "-1" is not a number from 0 to 1000000000`},
		{"an amount beyond counting", head + "evt_1,1e300,0,genuine\n", `read payments: line 2: amount "1e300" is not a number from 0 to 1000000000`},
		{"a label that is neither", head + "evt_1,1,0,genuine\nevt_2,1,0,Fraud\n", `read payments: line 3: label "Fraud" is neither fraud nor genuine`},
		{"a feature not spelled as in JSON", head + "evt_1,1,.5,genuine\n", `read payments: line 2: night ".5" is not a number as JSON spells them`},
		{"NaN", head + "evt_1,1,NaN,genuine\n", `read payments: line 2: night "NaN" is not a number as JSON spells them`},
		{"JSON that is more than a number", head + "evt_1,1,\"0,\"\"x\"\":1\",genuine\n", `read payments: line 2: night "0,\"x\":1" is not a number as JSON spells them`},
		{"space around a number", head + "evt_1,1,0 ,genuine\n", `read payments: line 2: night "0 " is not a number as JSON spells them`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t, nil)
			_, err := Play(t.Context(), options(d.URL, c.payments))
			if err == nil || err.Error() != "demo: "+c.want {
				t.Errorf("error is %v\nwant demo: %s", err, c.want)
			}
			if len(d.requests()) > 0 {
				t.Error("something was played")
			}
		})
	}

	t.Run("a file without end", func(t *testing.T) {
		o := options("http://127.0.0.1:1", "")
		o.Payments = io.MultiReader(strings.NewReader("event_id,amount,night,label\n\""), endless{})
		_, err := Play(t.Context(), o)
		if err == nil || !strings.HasSuffix(err.Error(), "there are more than 64 MiB") {
			t.Errorf("error is %v", err)
		}
	})

	for name, change := range map[string]func(*Options){
		"an address of another kind": func(o *Options) { o.URL = "ftp://127.0.0.1" },
		"no address":                 func(o *Options) { o.URL = "" },
		"no payments":                func(o *Options) { o.Payments = nil },
		"no features":                func(o *Options) { o.Features = nil },
		"a negative count":           func(o *Options) { o.Count = -1 },
		"a negative duration":        func(o *Options) { o.Duration = -1 },
		"a negative cost":            func(o *Options) { o.CostReview = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := options("http://127.0.0.1:1", eight)
			change(&o)
			if r, err := Play(t.Context(), o); err == nil || r.Payments != 0 {
				t.Errorf("it was played: %+v, error %v", r, err)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
