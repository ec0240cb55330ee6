package valkey

import (
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// A fault is something that goes wrong between processes and their store, or with it, and its end.
type fault struct {
	name       string
	begin, end func(t *testing.T, f *flow, server *valkeytest.Server, proxy *valkeytest.Proxy)
	loses      bool // its memory
}

// by makes a step of what a proxy does.
func by(do func(p *valkeytest.Proxy)) func(*testing.T, *flow, *valkeytest.Server, *valkeytest.Proxy) {
	return func(_ *testing.T, _ *flow, _ *valkeytest.Server, p *valkeytest.Proxy) { do(p) }
}

var pass = by((*valkeytest.Proxy).Pass)

var faults = []fault{
	{"it is killed, and comes back empty", func(_ *testing.T, f *flow, server *valkeytest.Server, _ *valkeytest.Proxy) {
		server.Kill()
		time.Sleep(2 * hasty) // what had been answered by then is on its way
		f.forget()
	}, func(_ *testing.T, _ *flow, server *valkeytest.Server, _ *valkeytest.Proxy) { server.Restart() }, true},
	{
		"it is frozen",
		func(_ *testing.T, _ *flow, server *valkeytest.Server, _ *valkeytest.Proxy) { server.Freeze() },
		func(_ *testing.T, _ *flow, server *valkeytest.Server, _ *valkeytest.Proxy) { server.Thaw() }, false,
	},
	{"it is 200 ms late", by(func(p *valkeytest.Proxy) { p.Delay(100 * time.Millisecond) }), pass, false},
	{"connections are half open", by((*valkeytest.Proxy).Freeze), pass, false},
	{"the network holds everything back", by((*valkeytest.Proxy).Hold), pass, false},
	{"connections are reset", by((*valkeytest.Proxy).Drop), pass, false},
	{"connections are refused", by((*valkeytest.Proxy).Refuse), pass, false},
	{"replies are garbage", by(func(p *valkeytest.Proxy) { p.Garbage(uint64(time.Now().UnixNano())) }), pass, false},
	{"replies are cut short", by((*valkeytest.Proxy).Truncate), pass, false},
	{"it does what it is asked, and nobody knows", by(func(p *valkeytest.Proxy) { p.Cut(0) }), pass, false},
	{"questions are cut short", by(func(p *valkeytest.Proxy) { p.CutAsks(100) }), pass, false},
}

// While something is wrong, calls end in time, with ErrDown; when it is over the store is back soon, and all that was
// acknowledged is there. Times are medians of rounds, since the machine has other things to do.
func TestFaults(t *testing.T) {
	const rounds = 3
	const outage = 200 * time.Millisecond
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			valkeytest.Each(t, func(t *testing.T, program valkeytest.Program) {
				t.Parallel()
				server := valkeytest.Start(t, valkeytest.On(program))
				proxy := valkeytest.NewProxy(t, server.Addr())
				var processes [2]watched
				for i := range processes {
					processes[i] = watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: hasty})
				}
				f := newFlow(t, processes[0].Store, processes[1].Store)
				var slow, slowest, noise, beyond, recovered []time.Duration
				failed, made := 0, 0
				for range rounds {
					f.back()
					time.Sleep(50 * time.Millisecond)
					f.look()
					fault.begin(t, f, server, proxy)
					time.Sleep(outage)
					calls := f.look()
					fault.end(t, f, server, proxy)
					recovered = append(recovered, f.back())
					slow, slowest = append(slow, percentile(calls, 0.99)), append(slowest, percentile(calls, 1))
					noise = append(noise, f.noise)
					beyond = append(beyond, percentile(calls, 0.99)-hasty-2*f.noise)
					failed, made = failed+failures(calls), made+len(calls)
				}
				if failed == 0 || made < 20 {
					t.Errorf("%d of %d calls failed: it was no outage", failed, made)
				}
				t.Logf("of %v: p99 %v, slowest %v, back after %v; the machine is late by %v",
					hasty, median(slow), median(slowest), median(recovered), median(noise))
				if median(beyond) > allowed {
					t.Errorf("calls took %v, and had %v; the machine is late by %v", slow, hasty, noise)
				}
				if median(recovered) > recovers {
					t.Errorf("it was back after %v", recovered)
				}
				time.Sleep(100 * time.Millisecond)
				for _, p := range processes {
					if down, back := p.log.count(saidDown), p.log.count(saidBack); down > back+1 || back > 2*rounds {
						t.Errorf("the log said %d times that it is down, and %d times that it is back", down, back)
					}
					if lost := p.log.count(saidLost); fault.loses != (lost > 0) || lost > rounds || p.Status().Losses != lost {
						t.Errorf("its memory was lost %d times: %+v", lost, p.Status())
					}
				}
				f.check(open(t, store.SharedOptions{Addresses: []string{server.Addr()}}))
			})
		})
	}
}

// An outage meets few visitors, however long it is. That is a client's doing: one program is as good as another.
func TestConnectionsDoNotStorm(t *testing.T) {
	t.Parallel()
	const outage = 3 * time.Second
	const most = 30
	server := valkeytest.Start(t)
	type process struct {
		name     string
		proxy    *valkeytest.Proxy
		flow     *flow
		accepted int
	}
	var processes []*process
	for name, begin := range map[string]func(p *valkeytest.Proxy){
		"reset": (*valkeytest.Proxy).Drop, "half open": (*valkeytest.Proxy).Freeze, "cut short": (*valkeytest.Proxy).Truncate,
		"late": func(p *valkeytest.Proxy) { p.Delay(100 * time.Millisecond) },
	} {
		proxy := valkeytest.NewProxy(t, server.Addr())
		one := watch(t, store.SharedOptions{Addresses: []string{proxy.Addr()}, Deadline: hasty, Prefix: name})
		p := &process{name, proxy, newFlow(t, one.Store), 0}
		processes = append(processes, p)
		p.flow.back()
		p.accepted = proxy.Accepted()
		begin(proxy)
	}
	time.Sleep(outage)
	for _, p := range processes {
		n := p.proxy.Accepted() - p.accepted
		t.Logf("%s: %d connections in %v", p.name, n, outage)
		if n > most {
			t.Errorf("%s: %d connections in %v", p.name, n, outage)
		}
		p.proxy.Pass()
		if took := p.flow.back(); took > 5*time.Second {
			t.Errorf("%s: back after %v", p.name, took)
		}
	}
}
