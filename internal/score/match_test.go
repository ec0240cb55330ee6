package score

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

func TestAChallengersRowHasItsOwnColumnsInItsOwnOrder(t *testing.T) {
	for name, files := range map[string][2]string{
		"another order":         {"binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json"},
		"names of categories":   {"strings-3.2.0/model.json", "strings-missing-3.2.0/model.ubj"},
		"a sentinel of its own": {"binary-logistic-3.2.0/model.ubj", "missing-sentinel-3.2.0/model.json"},
	} {
		t.Run(name, func(t *testing.T) {
			m := versions(t, files[0], files[1])
			if strings.Contains(files[1], "sentinel") {
				m[1].Missing = -999
			}
			shadow, _, log := challenged(m[0], m[1], nil)
			running(t, shadow)
			all := resized(append(slices.Clone(rows), []float64{-999, 1, 2, 3, 4}), len(m[0].Columns))
			scored(t, m[0], given(shadow), all...)
			got := settled(t, shadow, len(all))
			var want ShadowStatus
			for _, row := range all {
				other := make([]float64, len(row))
				for i, c := range m[1].Columns {
					for k, o := range m[0].Columns {
						if c.Name == o.Name {
							other[i] = row[k]
						}
					}
					if other[i] == m[1].Missing {
						other[i] = nan
					}
				}
				_, a := predicted(t, m[0], row)
				_, b := predicted(t, m[1], other)
				want.MeanShift += b[0] - a[0]
				want.LargestShift = max(want.LargestShift, math.Abs(b[0]-a[0]))
			}
			want.MeanShift /= float64(len(all))
			if got.Compared != uint64(len(all)) || got.MeanShift != want.MeanShift || got.LargestShift != want.LargestShift {
				t.Errorf("%+v, want %+v; %s", got, want, log)
			}
			if name == "another order" && got.LargestShift == 0 {
				t.Error("no shift, so that this shows little")
			}
		})
	}
}

func TestWhatCannotBeComparedIsDroppedAndToldOnce(t *testing.T) {
	const binary = "binary-logistic-3.2.0/model.ubj"
	for name, c := range map[string]struct {
		files  [2]string
		change func(champion, challenger *registry.Model)
		want   string
	}{
		"another feature": {[2]string{binary, "names-2.1.4/model.json"}, nil, `the challenger has the feature "amount"`},
		"other names": {[2]string{"strings-3.2.0/model.json", "strings-unused-3.1.3/model.json"}, func(champion, challenger *registry.Model) {
			for i := range champion.Columns {
				champion.Columns[i].Name = challenger.Columns[i].Name
			}
		}, "have other codes"},
		"numbers for names": {[2]string{binary, "strings-3.2.0/model.json"}, func(champion, challenger *registry.Model) {
			for i := range challenger.Columns {
				champion.Columns[i].Name = challenger.Columns[i].Name
			}
		}, "names in one version and numbers in the other"},
		"another sentinel": {[2]string{binary, binary}, func(champion, _ *registry.Model) { champion.Missing = -1 }, "takes -1 for missing"},
		"no score":         {[2]string{binary, "multi-softprob-3.2.0/model.json"}, nil, "none of the challenger's outputs"},
	} {
		t.Run(name, func(t *testing.T) {
			m := versions(t, c.files[0], c.files[1])
			if c.change != nil {
				c.change(m[0], m[1])
			}
			shadow, _, log := challenged(m[0], m[1], nil)
			running(t, shadow)
			scored(t, m[0], given(shadow), resized(rows, len(m[0].Columns))...)
			st := settled(t, shadow, len(rows))
			if counts(st) != [3]uint64{0, uint64(len(rows)), 0} || !strings.Contains(st.Why, c.want) || !st.Ready {
				t.Errorf("%+v", st)
			}
			if n := strings.Count(log.String(), "cannot be compared"); n != 1 {
				t.Errorf("told %d times: %s", n, log)
			}
		})
	}
}

func TestEventsOfAnotherPlanAreNotCompared(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	champion, _ := twoDemos(t, nil, nil, metrics)
	_, stranger := twoDemos(t, nil, nil, metrics)
	for want, challenger := range map[string]*registry.Model{
		"another plan":    stranger,
		"takes no events": versions(t, "binary-logistic-3.2.0/model.ubj", "binary-logistic-3.2.0/model.ubj")[1],
	} {
		shadow, _, _ := challenged(champion, challenger, nil)
		running(t, shadow)
		h := remembering(t, champion.Plan, metrics)
		var b Batch
		b.Reset(champion, 1)
		newPayer().pay(&b, 0)
		if err := Recorded(Direct(), h, shadow).Score(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if st := settled(t, shadow, 1); st.Dropped != 1 || !strings.Contains(st.Why, want) {
			t.Errorf("%+v, want %s", st, want)
		}
	}
}

func TestWhatTheChallengerRefusesHasFailed(t *testing.T) {
	const file = "binary-logistic-3.2.0/model.ubj"
	for name, c := range map[string]struct {
		change func(challenger *registry.Model)
		failed uint64 // of the rows whose first values are 0, 5, NaN and -2
	}{
		"nothing": {func(*registry.Model) {}, 0},
		"what is out of bounds": {func(m *registry.Model) {
			m.Bounds = []registry.Bound{{Min: 0, Max: 4, Column: 0}}
			m.Features[0].RefuseOutOfBounds = true
		}, 2},
		"nothing that is accepted out of bounds": {func(m *registry.Model) { m.Bounds = []registry.Bound{{Min: 0, Max: 4, Column: 0}} }, 0},
		"what is missing": {func(m *registry.Model) {
			m.Bounds = []registry.Bound{{Min: math.Inf(-1), Max: math.Inf(1), Column: 0, Needed: true}}
		}, 1},
	} {
		m := versions(t, file, file)
		c.change(m[1])
		shadow, _, log := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), rows...)
		if got := counts(settled(t, shadow, 4)); got != [3]uint64{4 - c.failed, 0, c.failed} {
			t.Errorf("%s: %v; %s", name, got, log)
		}
	}
	t.Run("a number that its width cannot hold", func(t *testing.T) {
		m := versions(t, file, file)
		shadow, _, _ := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), []float64{1e39, 1, 1, 1, 1}, rows[0])
		if got := counts(settled(t, shadow, 2)); got != [3]uint64{1, 0, 1} {
			t.Errorf("%v", got)
		}
	})
	t.Run("a score that is none", func(t *testing.T) {
		m := versions(t, file, "overflow-reg-squarederror-3.2.0/model.ubj")
		shadow, _, _ := challenged(m[0], m[1], nil)
		running(t, shadow)
		scored(t, m[0], given(shadow), []float64{nan, 8.999999, nan, -0.719, 1}, []float64{nan, 9, nan, -0.719, 1})
		if got := counts(settled(t, shadow, 2)); got != [3]uint64{1, 0, 1} {
			t.Errorf("%v", got)
		}
	})
}

// An event that a list decides says nothing of the challenger's cutoffs.
func TestWhatAListDecidesIsComparedByItsScoreAlone(t *testing.T) {
	metrics := telemetry.New(telemetry.Options{})
	list := &policy.List{Entity: "card", File: "blocked.txt", Decision: policy.Decline}
	if err := list.Read(strings.NewReader("07000000000000000000000000000000\n"), 33); err != nil {
		t.Fatal(err)
	}
	listing := &policy.Policy{Version: "listing", Review: 2, Decline: 2, Lists: []*policy.List{list}}
	plain := &policy.Policy{Version: "plain", Review: 2, Decline: 2}
	for name, policies := range map[string][2]*policy.Policy{
		"the champion's":   {listing, plain},
		"the challenger's": {plain, listing},
		"of both":          {listing, listing},
	} {
		champion, challenger := twoDemos(t, policies[0], policies[1], metrics)
		shadow, _, _ := challenged(champion, challenger, nil)
		running(t, shadow)
		h := remembering(t, champion.Plan, metrics)
		var b Batch
		b.Reset(champion, 3)
		for i, card := range []byte{7, 8, 9} {
			raw(&b, i, 1_700_000_000_000, card, 5)
		}
		if err := Recorded(Direct(), h, shadow).Score(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		st := settled(t, shadow, 3)
		want := []DecisionPair{{policy.Approve, policy.Approve, 2}}
		if d := cmp.Diff(want, st.Decisions); d != "" || st.Compared != 3 || st.Agreement != 1 {
			t.Errorf("a list %s: %+v", name, st)
		}
		if n := shadow.contests["fraud"].counts.Changed.Value(); n != 0 {
			t.Errorf("a list %s: %d changed", name, n)
		}
	}
}

func TestWithoutDecisionsThereIsNoAgreement(t *testing.T) {
	for name, c := range map[string]struct {
		decides   [2]bool
		agreement float64
	}{"both decide": {[2]bool{true, true}, 1}, "one decides": {[2]bool{true, false}, 0}, "neither decides": {[2]bool{}, nan}} {
		var m []*registry.Model
		for i, decides := range c.decides {
			p := &policy.Policy{Version: "v", Review: 2, Decline: 2}
			if !decides {
				p = nil
			}
			one := model(t, "binary-logistic-3.2.0/model.ubj", p)
			one.Name, one.Version = "fraud", i+1
			m = append(m, one)
		}
		shadow, _, _ := challenged(m[0], m[1], nil)
		if st := shadow.Status()[0]; !math.IsNaN(st.Agreement + st.MeanShift + st.AbsoluteShift + st.LargestShift) {
			t.Errorf("figures of nothing: %+v", st)
		}
		running(t, shadow)
		scored(t, m[0], given(shadow), rows...)
		st := settled(t, shadow, 4)
		if st.Agreement != c.agreement && !(math.IsNaN(st.Agreement) && math.IsNaN(c.agreement)) || len(st.Decisions) != 1 || st.LargestShift != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

func TestAChallengerIsUsedAsSoonAsItComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "dart-3.2.0/model.ubj")
		for i := range m {
			m[i].Digest = fmt.Sprint(i)
		}
		shadow, p, log := challenged(m[0], nil, nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		s := given(shadow)
		look := func() {
			time.Sleep(lookEvery)
			synctest.Wait()
		}
		look()
		expect := func(when string, want ShadowStatus) {
			t.Helper()
			time.Sleep(lookEvery + gather)
			synctest.Wait()
			st := shadow.Status()[0]
			got := ShadowStatus{Champion: st.Champion, Challenger: st.Challenger, Ready: st.Ready, Why: st.Why, Compared: st.Compared, Dropped: st.Dropped}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", when, d)
			}
		}
		scored(t, m[0], s, rows...)
		expect("not served", ShadowStatus{Champion: 1, Challenger: 2, Why: "the challenger is not served"})
		p.asked.Store(m[1])
		look()
		scored(t, m[0], s, rows...)
		expect("served", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 4})
		time.Sleep(time.Hour)
		scored(t, m[0], s, rows[:3]...)
		expect("later", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 7})
		again := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
		again[0].Digest, again[1].Digest = "0", "1"
		p.live.Store(again[0])
		p.asked.Store(again[1])
		look()
		scored(t, again[0], s, rows[:1]...)
		scored(t, m[0], s, rows...) // a request that began before
		expect("the same versions, made ready anew", ShadowStatus{Champion: 1, Challenger: 2, Ready: true, Compared: 8})
		p.live.Store(m[2])
		look()
		scored(t, m[2], s, rows[:2]...)
		expect("another champion", ShadowStatus{Champion: 3, Challenger: 2, Ready: true, Compared: 2})
		p.live.Store(again[1])
		look()
		scored(t, again[1], s, rows...)
		expect("it is live", ShadowStatus{Champion: 2, Challenger: 2, Ready: true, Why: "the challenger is the live version"})
		p.live.Store(m[0])
		p.asked.Store(nil)
		expect("it has gone", ShadowStatus{Champion: 1, Challenger: 2, Why: "the challenger is not served"})
		p.live.Store(nil)
		expect("all have gone", ShadowStatus{Champion: -1, Challenger: 2, Why: "the challenger is not served"})
		cancel()
		<-done
		scored(t, m[0], s, rows...)
		if got := log.String(); strings.Count(got, "level=WARN") != 2 || strings.Count(got, "is not served") != 2 || strings.Count(got, "scores beside") != 1 {
			t.Errorf("the log:\n%s", got)
		}
	})
}

// A match begins by Run alone: a request finds that it is stale, is dropped, and has Run look.
func TestARequestBeginsNoMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "binary-logistic-3.2.0/model.ubj")
		for i := range m {
			m[i].Digest, m[i].Live = fmt.Sprint(i), i != 1
		}
		var asked atomic.Int64
		shadow, p, _ := challenged(m[0], m[1], nil)
		shadow.Served = func(string, int) (live, challenger *registry.Model) {
			asked.Add(1)
			return p.served("", 0)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		synctest.Wait()
		before := asked.Load()
		scored(t, m[0], given(shadow), rows...)
		if asked.Load() != before {
			t.Error("a request asked what is served")
		}
		p.live.Store(m[2])
		scored(t, m[2], given(shadow), rows[:1]...)
		time.Sleep(2 * gather) // and no second
		synctest.Wait()
		scored(t, m[2], given(shadow), rows...)
		time.Sleep(gather)
		synctest.Wait()
		if st := shadow.Status()[0]; st.Champion != 3 || st.Compared != uint64(len(rows)) {
			t.Errorf("%+v", st)
		}
		if c := shadow.contests["fraud"].counts; c.Dropped.Value() != 1 {
			t.Errorf("%d dropped", c.Dropped.Value())
		}
		cancel()
		<-done
	})
}

// Both versions decide by the policies of when the event came.
func TestAPolicyThatComesLaterDoesNotJudgeWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := versions(t, "binary-logistic-3.2.0/model.ubj", "binary-logistic-3.2.0/model.ubj")
		all := &policy.Policy{Version: "all", Review: 2, Decline: 3}
		none := &policy.Policy{Version: "none", Review: -2, Decline: -1}
		m[0].SetPolicy(all)
		m[1].SetPolicy(all)
		shadow, _, _ := challenged(m[0], m[1], nil)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { shadow.Run(ctx); close(done) }()
		synctest.Wait()
		scored(t, m[0], given(shadow), rows...)
		m[1].SetPolicy(none)
		time.Sleep(gather)
		synctest.Wait()
		if st := shadow.Status()[0]; st.Compared != uint64(len(rows)) || st.Agreement != 1 {
			t.Errorf("%+v", st)
		}
		cancel()
		<-done
	})
}

func TestAModelThatHasGoneIsNotHeld(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json")
	shadow, p, _ := challenged(m[0], m[1], nil)
	running(t, shadow)
	var b Batch
	s := given(shadow)
	b.Reset(m[0], 1)
	copy(b.Row(0), rows[0])
	if err := s.Score(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	settled(t, shadow, 1)
	champion, challenger := weak.Make(m[0]), weak.Make(m[1])
	p.live.Store(nil)
	p.asked.Store(nil)
	clear(m)
	b.Reset(versions(t, "dart-3.2.0/model.ubj")[0], 1) // the batch is used again, with its memory
	if err := s.Score(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); champion.Value() != nil || challenger.Value() != nil; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		if time.Now().After(end) {
			t.Fatalf("held: champion %t, challenger %t", champion.Value() != nil, challenger.Value() != nil)
		}
	}
	runtime.KeepAlive(&b)
	runtime.KeepAlive(shadow)
}

// Whatever changes meanwhile, every event that was picked is accounted for.
func TestEveryEventIsAccountedForWhileVersionsChange(t *testing.T) {
	m := versions(t, "binary-logistic-3.2.0/model.ubj", "names-order-3.2.0/model.json", "dart-3.2.0/model.ubj")
	for i := range m {
		m[i].Digest = fmt.Sprint(i)
	}
	shadow, p, _ := challenged(m[0], m[1], func(o *ShadowOptions) { o.Queue = 64 })
	running(t, shadow)
	s := given(shadow)
	var team sync.WaitGroup
	stop := make(chan struct{})
	team.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			p.asked.Store(m[1+i%2])
			_ = shadow.Status()
			time.Sleep(time.Millisecond)
		}
	})
	var clients sync.WaitGroup
	const each, batches = 4, 300
	for range each {
		clients.Go(func() {
			var b Batch
			for range batches {
				b.Reset(m[0], len(rows))
				for i, row := range rows {
					copy(b.Row(i), row)
				}
				if err := s.Score(context.Background(), &b); err != nil {
					t.Error(err)
				}
				for i := range b.Events {
					if b.Events[i].Result.Policy == nil {
						t.Error("not decided")
					}
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	team.Wait()
	c := shadow.contests["fraud"].counts
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		sum := c.Compared.Value() + c.Dropped.Value() + c.Failed.Value()
		if sum == each*batches*uint64(len(rows)) && c.Compared.Value() > 0 && c.Failed.Value() == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d compared, %d dropped, %d failed", c.Compared.Value(), c.Dropped.Value(), c.Failed.Value())
		}
	}
}
