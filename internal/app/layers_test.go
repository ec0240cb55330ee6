package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// The layers between a request and its score may not be seen in an answer: the same requests are asked through every
// combination of them, and each gets the same bytes and the same status. BESRA_REQUESTS says how many.

// lanes ask at once, each for cards and terminals of its own, in its own order.
const lanes = 16

// An asked is one request, and what became of it.
type asked struct {
	path, body string
	status     int
	answer     string
}

func TestLayersCannotBeSeen(t *testing.T) {
	n := 6_400
	if testing.Short() {
		n = 800
	}
	if text := os.Getenv("BESRA_REQUESTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	key := filepath.Join(t.TempDir(), "entity.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	plain, remembering := demoWith(t, "memo: false"), demoWith(t, "memo: true")
	want := lanesOf(n)
	askAll(want, start(t, withKey(key, "", ""), plain))
	statuses := map[int]int{}
	for _, lane := range want {
		for _, a := range lane {
			statuses[a.status]++
		}
	}
	t.Logf("%d requests by status: %v", n, statuses)
	for _, status := range []int{http.StatusOK, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadRequest} {
		if statuses[status] == 0 {
			t.Errorf("no request is answered with %d", status)
		}
	}
	valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
		for layers := range 16 {
			shared, memo, journal, two := layers&1 != 0, layers&2 != 0, layers&4 != 0, layers&8 != 0
			if two && !shared || layers == 0 {
				continue
			}
			t.Run(fmt.Sprintf("valkey %t, memo %t, journal %t, two processes %t", shared, memo, journal, two), func(t *testing.T) {
				address, bundle := "", plain
				if shared {
					address = valkeytest.Start(t, valkeytest.On(program)).Addr()
				}
				if memo {
					bundle = remembering
				}
				var servers []*server
				for range map[bool]int{false: 1, true: 2}[two] {
					dir := ""
					if journal {
						dir = t.TempDir()
					}
					servers = append(servers, start(t, withKey(key, dir, address), bundle))
				}
				got := lanesOf(n)
				askAll(got, servers...)
				compare(t, want, got)
				if memo && servers[0].memo.Stats().Hits == 0 {
					t.Error("no row was known")
				}
			})
		}
	})
}

// withKey are the settings of a process with these layers.
func withKey(key, dir, address string) func(*Config) {
	return func(c *Config) {
		c.State.EntityKeyFile, c.State.Dir, c.Valkey.Address = key, dir, address
		c.Valkey.Deadline = time.Second // the machine is shared
		c.Limits.Concurrency = "off"
	}
}

// demoWith returns a copy of the demo with another line about its memo.
func demoWith(t *testing.T, memo string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "1")
	if err := os.CopyFS(dir, os.DirFS(demoBundle)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bundle.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "\n"+memo+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func compare(t *testing.T, want, got [][]asked) {
	t.Helper()
	wrong := 0
	for lane := range want {
		for i := range want[lane] {
			if w, g := want[lane][i], got[lane][i]; w != g {
				if wrong++; wrong <= 3 {
					t.Errorf("%s %s\n got %d %s\nwant %d %s", w.path, w.body, g.status, g.answer, w.status, w.answer)
				}
			}
		}
	}
	if wrong > 3 {
		t.Errorf("%d answers differ", wrong)
	}
}

// askAll asks the requests of each lane in their order, the servers in turn.
func askAll(all [][]asked, servers ...*server) {
	for _, s := range servers {
		eventually(s.t, "it is ready", func() bool { return s.isReady() == nil })
	}
	var wg sync.WaitGroup
	for _, lane := range all {
		wg.Go(func() {
			for i := range lane {
				a := &lane[i]
				r := httptest.NewRequest(http.MethodPost, a.path, strings.NewReader(a.body))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				servers[i%len(servers)].gateway.ServeHTTP(w, r)
				a.status, a.answer = w.Code, w.Body.String()
				if w.Header().Get("Idempotent-Replayed") != "" {
					a.answer += " replayed"
				}
			}
		})
	}
	wg.Wait()
}

// lanesOf makes n requests.
func lanesOf(n int) [][]asked {
	all := make([][]asked, lanes)
	for i := range all {
		l := lane{r: rand.New(rand.NewPCG(uint64(i), 6)), name: fmt.Sprint(i), at: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		for range n / lanes {
			all[i] = append(all[i], l.next())
		}
	}
	return all
}

// A lane makes requests about payments.
type lane struct {
	r    *rand.Rand
	name string
	at   time.Time
	ids  int
	said []string // the bodies of events that had ids
}

func (l *lane) next() asked {
	l.at = l.at.Add(time.Duration(l.r.IntN(4 * 3600 * int(time.Second))))
	switch l.r.IntN(20) {
	case 0:
		return asked{path: "/v1/score", body: `{"event":` + l.event() + `}`}
	case 1:
		return asked{path: "/v1/score", body: `{"dry_run":true,"event":` + l.event() + `}`}
	case 2:
		return asked{path: "/v1/score", body: l.again()}
	case 3: // the id of another event
		return asked{path: "/v1/score", body: fmt.Sprintf(`{"event_id":"%s","event":%s}`, l.known(), l.event())}
	case 4:
		return asked{path: "/v1/score", body: fmt.Sprintf(`{"event_id":"%s","row":%s}`, l.id(), l.row())}
	case 5:
		return asked{path: "/v1/score", body: fmt.Sprintf(`{"row":%s}`, l.row())}
	case 6: // what is refused
		return asked{path: "/v1/score", body: [...]string{
			fmt.Sprintf(`{"event_id":"%s","event":{"time":"2026-03-01T00:00:00Z","card":"c"}}`, l.id()),
			fmt.Sprintf(`{"event_id":"%s","event":{"time":"2026-03-01T00:00:00Z","amount":"1"}}`, l.id()),
			`{"row":[1,2]}`, `{"event":{}`,
		}[l.r.IntN(4)]}
	case 7, 8:
		label := [...]string{"fraud", "genuine"}[l.r.IntN(2)]
		return asked{path: "/v1/labels", body: fmt.Sprintf(`{"labels":[{"event_id":"%s","label":"%s","time":"%s"}]}`, l.known(), label, l.when())}
	case 9: // a label before its event
		return asked{path: "/v1/labels", body: fmt.Sprintf(`{"labels":[{"event_id":"e_%s_%d","label":"fraud","time":"%s"}]}`, l.name, l.ids+l.r.IntN(10), l.when())}
	case 10, 11:
		events := make([]string, l.r.IntN(9)) // or none
		for i := range events {
			events[i] = l.again()
			if l.r.IntN(3) > 0 {
				events[i] = l.scored()
			}
		}
		return asked{path: "/v1/score/batch", body: `{"events":[` + strings.Join(events, ",") + `]}`}
	}
	return asked{path: "/v1/score", body: l.scored()}
}

func (l *lane) id() string {
	l.ids++
	return fmt.Sprintf("e_%s_%d", l.name, l.ids)
}

// known is the id of an event that there probably was.
func (l *lane) known() string {
	return fmt.Sprintf("e_%s_%d", l.name, max(1, l.ids-l.r.IntN(300)))
}

func (l *lane) scored() string {
	body := fmt.Sprintf(`{"event_id":"%s","event":%s}`, l.id(), l.event())
	l.said = append(l.said, body)
	return body
}

// again is an event that there was, or a new one.
func (l *lane) again() string {
	if len(l.said) == 0 {
		return l.scored()
	}
	return l.said[max(0, len(l.said)-1-l.r.IntN(200))]
}

func (l *lane) when() string {
	at := l.at
	if l.r.IntN(8) == 0 { // late, perhaps too late
		at = at.Add(-time.Duration(l.r.IntN(2 * 3600 * int(time.Second))))
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

func (l *lane) event() string {
	terminal := fmt.Sprintf(`,"terminal":"t_%s_%d"`, l.name, l.r.IntN(4))
	if l.r.IntN(20) == 0 {
		terminal = ""
	}
	return fmt.Sprintf(`{"time":"%s","card":"c_%s_%d"%s,"amount":%d.%02d}`,
		l.when(), l.name, l.r.IntN(10), terminal, l.r.IntN(500), l.r.IntN(100))
}

// row is one of few, so that some are known.
func (l *lane) row() string {
	return fmt.Sprintf("[%d,0,1,2,30.5,9,31,20,%d,1,0,7,0.25,30,null]", 10*l.r.IntN(5), 10*l.r.IntN(3))
}
