package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A machine is a server in virtual time, with the scheduler of Go in front of a door: requests lie in sockets until
// a processor has nothing else to do, or ten milliseconds are over, and are then met newest first; a goroutine that
// has begun goes on until it steps back or is done.
type machine struct {
	door    *door
	epoch   time.Time
	clocks  []time.Duration // of the processors
	leaving []*request      // what each processor works on
	sockets []*request      // by arrival
	ready   []*request      // goroutines that can run, first come first
	polled  time.Duration
	service func() time.Duration
	again   func(*request) *request // what its client asks next, not before; nil: nothing
}

type request struct {
	at       time.Duration
	priority identity.Priority

	stepped     int // to the door and back
	came, begun time.Duration
	ticket      int64

	done    time.Duration
	refused bool
}

const (
	parsing  = 15 * time.Microsecond // from the socket to the door
	refusing = 10 * time.Microsecond
	polling  = 10 * time.Millisecond
	events   = 128 // that one poll returns
)

func newMachine(t *testing.T, processors int, service func() time.Duration) *machine {
	t.Helper()
	epoch := time.Unix(1_800_000_000, 0)
	o := Options{Metrics: &telemetry.New(telemetry.Options{}).Access, Now: func() time.Time { return epoch }}
	d, err := newDoor(o, processors)
	if err != nil {
		t.Fatal(err)
	}
	d.yield = func() { t.Fatal("the machine yields itself") }
	return &machine{
		door: d, epoch: epoch, service: service,
		clocks: make([]time.Duration, processors), leaving: make([]*request, processors),
	}
}

// run answers requests, which are sorted by arrival.
func (m *machine) run(requests []*request) {
	m.sockets = requests
	for {
		p := 0 // the processor whose turn it is
		for i, c := range m.clocks {
			if c < m.clocks[p] {
				p = i
			}
		}
		if r := m.leaving[p]; r != nil {
			m.leaving[p] = nil
			m.door.leave(m.epoch.Add(r.begun), m.epoch.Add(m.clocks[p]))
			m.end(r, m.clocks[p])
		}
		if len(m.ready) == 0 || m.clocks[p]-m.polled > polling {
			m.poll(m.clocks[p])
		}
		switch {
		case len(m.ready) > 0:
			r := m.ready[0]
			m.ready = m.ready[1:]
			m.serve(p, r)
		case len(m.sockets) > 0:
			m.clocks[p] = max(m.sockets[0].at, m.clocks[p]+1)
		case slices.ContainsFunc(m.leaving, func(r *request) bool { return r != nil }):
			m.clocks[p] = slices.Max(m.clocks) + 1 // another one ends
		default:
			return
		}
	}
}

func (m *machine) poll(now time.Duration) {
	n := 0
	for n < min(len(m.sockets), events) && m.sockets[n].at <= now {
		n++
	}
	for i := n - 1; i >= 0; i-- {
		m.ready = append(m.ready, m.sockets[i])
	}
	m.sockets, m.polled = m.sockets[n:], now
}

// serve runs a goroutine until it steps back or works.
func (m *machine) serve(p int, r *request) {
	d, now := m.door, &m.clocks[p]
	if r.stepped == 0 {
		*now += parsing
		r.came, r.ticket = *now, d.let.Load()
	}
	if !d.work.worthWaiting() && r.stepped == 0 {
		d.let.Add(1)
	} else if r.stepped < steps(r.priority) {
		r.stepped++
		m.ready = append(m.ready, r)
		return
	} else if !d.judge(m.epoch.Add(*now), *now-r.came, d.let.Load()-r.ticket, r.priority) {
		*now += refusing
		r.refused = true
		m.end(r, *now)
		return
	}
	r.begun = *now
	*now += m.service()
	m.leaving[p] = r
}

func (m *machine) end(r *request, now time.Duration) {
	r.done = now
	if m.again != nil {
		if next := m.again(r); next != nil {
			m.sockets = append(m.sockets, next)
		}
	}
}

// loads are requests at rates.
type loads struct {
	random   *rand.Rand // nil: evenly
	requests []*request
	end      time.Duration
}

func (l *loads) add(rate float64, d time.Duration, p identity.Priority) {
	for at := l.end; ; {
		if l.random == nil {
			at += time.Duration(1e9 / rate)
		} else {
			at += time.Duration(l.random.ExpFloat64() * 1e9 / rate)
		}
		if at >= l.end+d {
			return
		}
		l.requests = append(l.requests, &request{at: at, priority: p})
	}
}

func (l *loads) sorted() []*request {
	slices.SortStableFunc(l.requests, func(a, b *request) int { return int(a.at - b.at) })
	return l.requests
}

// A sum is what became of the requests of a time.
type sum struct {
	accepted, refused    int
	p99, p50, refusedP99 time.Duration
}

func (s sum) share() float64 { return float64(s.accepted) / float64(s.accepted+s.refused) }

func sumOf(all []*request, from, to time.Duration, p identity.Priority) (s sum) {
	var accepted, refused []time.Duration
	for _, r := range all {
		switch {
		case r.at < from || r.at >= to || r.priority != p:
		case r.refused:
			refused = append(refused, r.done-r.at)
		default:
			accepted = append(accepted, r.done-r.at)
		}
	}
	s.accepted, s.refused = len(accepted), len(refused)
	s.p50, s.p99, s.refusedP99 = quantile(accepted, 0.5), quantile(accepted, 0.99), quantile(refused, 0.99)
	return s
}

func quantile(v []time.Duration, q float64) time.Duration {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[min(int(float64(len(v))*q), len(v)-1)]
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func varying(r *rand.Rand, mean time.Duration) func() time.Duration {
	return func() time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
}

// can is how many requests a second the machine can answer when they take so long.
func can(processors int, work time.Duration) float64 {
	return float64(processors) / (work + parsing).Seconds()
}

const long = 10 * time.Second

// A case of overload is a machine that is asked for a bit less than it can do, then for more, then for less again.
func overload(t *testing.T, processors int, work time.Duration, times float64, evenly, same bool) (calm, crowd, after sum) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	service := varying(random, work)
	if same {
		service = always(work)
	}
	m, l := newMachine(t, processors, service), new(loads)
	if !evenly {
		l.random = random
	}
	for _, x := range []float64{0.8, times, 0.8} {
		l.add(can(processors, work)*x, long, identity.Interactive)
		l.end += long
	}
	all := l.sorted()
	m.run(all)
	return sumOf(all, 0, long, 0), sumOf(all, long, 2*long, 0), sumOf(all, 2*long+time.Second, 3*long, 0)
}

func TestWhatIsTooMuchIsRefusedAndTheRestIsAnsweredInTime(t *testing.T) {
	const work = time.Millisecond
	for _, processors := range []int{1, 2, 4} {
		for _, same := range []bool{true, false} {
			t.Run(fmt.Sprintf("processors=%d same=%v", processors, same), func(t *testing.T) {
				calm, crowd, after := overload(t, processors, work, 3, false, same)
				t.Logf("0.8×: %+v", calm)
				t.Logf("3×: %+v", crowd)
				t.Logf("0.8×, a second later: %+v", after)
				if crowd.p99 > 2*calm.p99 {
					t.Errorf("p99 of those accepted is %v at 3×, beyond twice %v", crowd.p99, calm.p99)
				}
				if goodput := float64(crowd.accepted) / long.Seconds() / can(processors, work); goodput < 0.85 {
					t.Errorf("goodput at 3× is %.2f of what can be done", goodput)
				}
				if crowd.refusedP99 > 10*time.Millisecond {
					t.Errorf("refusals take %v", crowd.refusedP99)
				}
				if calm.share() < 0.99 || after.share() < 0.99 {
					t.Errorf("at 0.8×, %.3f are accepted before and %.3f after", calm.share(), after.share())
				}
				if after.p99 > 2*calm.p99 {
					t.Errorf("p99 a second after is %v, beyond twice %v", after.p99, calm.p99)
				}
			})
		}
	}
}

func TestRequestsThatComeEvenlyHardlyWaitInACrowd(t *testing.T) {
	for _, processors := range []int{1, 2, 4} {
		calm, crowd, after := overload(t, processors, time.Millisecond, 3, true, true)
		if calm.refused != 0 || after.refused != 0 {
			t.Errorf("%d processors: at 0.8×, %d are refused before and %d after", processors, calm.refused, after.refused)
		}
		if crowd.p99 > 4*time.Millisecond { // the burst at its beginning included
			t.Errorf("%d processors: p99 is %v for a millisecond's work", processors, crowd.p99)
		}
	}
}

func TestALittleTooMuchKeepsMostOfTheGoodput(t *testing.T) {
	for _, times := range []float64{1.05, 1.3, 2, 5} {
		_, crowd, _ := overload(t, 1, time.Millisecond, times, false, true)
		if goodput := float64(crowd.accepted) / long.Seconds() / can(1, time.Millisecond); goodput < 0.85 {
			t.Errorf("%g×: goodput is %.2f of what can be done", times, goodput)
		}
		if crowd.p99 > 50*time.Millisecond {
			t.Errorf("%g×: p99 is %v", times, crowd.p99)
		}
	}
}

func TestShortRequestsAreNeverShed(t *testing.T) {
	const work = 30 * time.Microsecond
	_, crowd, _ := overload(t, 1, work, 3, false, true)
	if crowd.refused != 0 {
		t.Errorf("%d of %d are refused, which costs as much as answering them", crowd.refused, crowd.refused+crowd.accepted)
	}
}

func TestHundredsOfConnectionsOfShortRequestsAreAllServed(t *testing.T) {
	for _, work := range []time.Duration{30 * time.Microsecond, 60 * time.Microsecond, 100 * time.Microsecond} {
		m := newMachine(t, 1, always(work))
		var all []*request
		m.again = func(r *request) *request { // as soon as it is answered
			if r.done > long {
				return nil
			}
			next := &request{at: r.done + 50*time.Microsecond}
			all = append(all, next)
			return next
		}
		for range 256 {
			all = append(all, new(request))
		}
		m.run(slices.Clone(all))
		if s := sumOf(all, 0, long, identity.Interactive); s.refused != 0 || s.p99 > 50*time.Millisecond {
			t.Errorf("work of %v: %d of %d are refused, and p99 is %v", work, s.refused, len(all), s.p99)
		} else {
			t.Logf("work of %v: %d/s, p99 %v", work, s.accepted/int(long.Seconds()), s.p99)
		}
	}
}

func TestABurstIsWorkedOff(t *testing.T) {
	m := newMachine(t, 1, always(time.Millisecond))
	var l loads
	l.add(100, time.Second, identity.Interactive)
	for range 20 { // at once
		l.requests = append(l.requests, &request{at: 500 * time.Millisecond})
	}
	all := l.sorted()
	m.run(all)
	if s := sumOf(all, 0, time.Second, identity.Interactive); s.refused != 0 {
		t.Errorf("%d of %d are refused", s.refused, len(all))
	}
}

func TestAStallOfTheMachineIsNoCrowd(t *testing.T) {
	n := 0
	m := newMachine(t, 1, func() time.Duration {
		if n++; n%40 == 1 {
			return 60 * time.Millisecond // another process has the processor
		}
		return time.Millisecond
	})
	var l loads
	for at := time.Duration(0); at < long; at += 20 * time.Millisecond {
		for range 4 {
			l.requests = append(l.requests, &request{at: at})
		}
	}
	m.run(l.sorted())
	if s := sumOf(l.requests, 0, long, identity.Interactive); s.refused != 0 {
		t.Errorf("%d of %d are refused", s.refused, len(l.requests))
	}
}

func TestNoProcessorIsIdleInACrowdOfLongRequests(t *testing.T) {
	for _, processors := range []int{1, 2, 4, 8} {
		const work = 5 * time.Millisecond
		_, crowd, _ := overload(t, processors, work, 3, false, true)
		if goodput := float64(crowd.accepted) / long.Seconds() / can(processors, work); goodput < 0.95 {
			t.Errorf("%d processors: goodput is %.2f of what can be done", processors, goodput)
		}
	}
}

func TestBatchesYieldFirst(t *testing.T) {
	const work = time.Millisecond
	m := newMachine(t, 1, always(work))
	l := &loads{random: rand.New(rand.NewPCG(3, 4))}
	l.add(0.6*can(1, work), long, identity.Interactive)
	l.add(2*can(1, work), long, identity.Batch)
	all := l.sorted()
	m.run(all)
	interactive, batch := sumOf(all, 0, long, identity.Interactive), sumOf(all, 0, long, identity.Batch)
	t.Logf("interactive: %+v", interactive)
	t.Logf("batch: %+v", batch)
	if interactive.share() < 0.97 {
		t.Errorf("%.3f of the interactive requests are accepted, though all would fit", interactive.share())
	}
	if interactive.p99 > 10*time.Millisecond {
		t.Errorf("their p99 is %v", interactive.p99)
	}
	if total := float64(interactive.accepted+batch.accepted) / long.Seconds() / can(1, work); total < 0.85 {
		t.Errorf("goodput is %.2f of what can be done: batches do not use what is left", total)
	}
}

func TestBatchesAloneUseTheMachine(t *testing.T) {
	const work = time.Millisecond
	m := newMachine(t, 1, always(work))
	l := &loads{random: rand.New(rand.NewPCG(5, 6))}
	l.add(3*can(1, work), long, identity.Batch)
	all := l.sorted()
	m.run(all)
	if s := sumOf(all, 0, long, identity.Batch); float64(s.accepted)/long.Seconds()/can(1, work) < 0.85 {
		t.Errorf("%d are accepted in %v", s.accepted, long)
	}
}

func TestTheGaugeTellsHowManyAreLetIn(t *testing.T) {
	m := newMachine(t, 1, always(time.Millisecond))
	var l loads
	l.add(500, time.Second, identity.Interactive)
	m.run(l.sorted())
	if got := m.door.limit.Value(); got < 29 || got > 31 { // 30 ms of it
		t.Errorf("at ease, the gauge says %v", got)
	}
	l = loads{end: time.Second}
	l.add(3000, time.Second, identity.Interactive)
	m.run(l.sorted())
	if got := m.door.limit.Value(); got != 1 {
		t.Errorf("in a crowd, the gauge says %v", got)
	}
}
