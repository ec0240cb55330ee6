package history

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync/atomic"
	"time"
	"weak"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/window"
)

// plans are those that events are read by. It is replaced, never changed.
type plans struct {
	current map[*feature.Plan]*known
	retired map[weak.Pointer[feature.Plan]]*known // requests in flight may still use them
	pasts   map[string]*past                      // by model, whether it has a plan now or not
}

// known is what is known of a plan.
type known struct {
	outcomes int                                      // of a shared store: the group of what was said of events; −1: nobody asks
	keys     atomic.Pointer[map[string]*feature.Keys] // by tenant; nil: the plan is retired, and none are kept
	groups   []*group                                 // by the plan's
	past     *past
	lacks    atomic.Pointer[[]*group] // groups of the model's other plans: what is scored by this one is not in them
}

// A past is what the plans of one model have in common, one after another.
type past struct {
	plan   atomic.Pointer[feature.Plan] // the newest
	newest atomic.Int64                 // time of the newest event, ms; 0: none was scored
	scored atomic.Bool                  // an event entered since the shared store was told
	groups []*group                     // of the plans that are in use; changed under mu
}

// A group is one kind of state of one model.
type group struct {
	number int          // of the store
	plain  feature.Hash // as plans call it, of whichever model
	labels bool         // its states have marks
	since  atomic.Int64 // event time, ms, from which its histories are whole; 0: from the beginning
	loaded bool         // of recovery: the snapshot has its states
}

// Retire tells that no more events will come by plan p, but for those in flight.
func (h *History) Retire(p *feature.Plan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.plans.Load().copy()
	k, ok := all.current[p]
	if !ok {
		return
	}
	delete(all.current, p)
	all.retired[weak.Make(p)] = k
	k.keys.Store(nil) // they hold the plan
	h.plans.Store(all)
	all.compare(k.past)
}

// Attach makes the history take the events of a model by plan p. It must be called before the plan is used. What p
// asks and the model's earlier plans did not is short until its windows are past the events that they took; of a
// model that comes after Recover nobody knows whether there were events before.
func (h *History) Attach(model string, p *feature.Plan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.plans.Load().copy()
	if _, twice := all.current[p]; twice {
		return
	}
	of, follows := all.pasts[model]
	if !follows {
		of = &past{}
		all.pasts[model] = of
	}
	later := h.begun
	var fresh []*group
	k, ok := all.retired[weak.Make(p)]
	if !ok {
		k = &known{past: of, outcomes: h.outcomeGroup(model, p)}
		for _, g := range p.Groups {
			made := h.group(model, g)
			k.groups = append(k.groups, made)
			if !slices.Contains(of.groups, made) {
				fresh = append(fresh, made)
			}
		}
	}
	k.keys.Store(&map[string]*feature.Keys{})
	delete(all.retired, weak.Make(p))
	all.current[p] = k
	h.plans.Store(all)
	all.compare(of)
	if later || follows {
		h.shorten(of, fresh)
	}
	of.plan.Store(p)
	h.fresh.Store(true)
}

// shorten notes that groups lack the events that a model has had. An event that is scored meanwhile by another plan
// sees that, or is seen here: see saw.
func (h *History) shorten(of *past, groups []*group) {
	since := of.newest.Load() + 1
	if since == 1 {
		if h.Journal == nil || h.Journal.Last() == 0 {
			return // there was none
		}
		since = h.Now().UnixMilli() // there may have been, before the snapshot
	}
	for _, g := range groups {
		raise(&g.since, h.sane(since))
	}
}

// sane bounds the time of an event by the clock: one whose client had a wrong year must not make histories short for
// years.
func (h *History) sane(at int64) int64 {
	return min(at, h.Now().Add(24*time.Hour).UnixMilli())
}

// compare works out which groups the plans of a past have, and what each of them lacks. A group that none of them
// has is no longer told of events: if it comes back it is a new one.
func (all *plans) compare(of *past) {
	var each []*known
	of.groups = nil
	add := func(k *known) {
		if k.past != of {
			return
		}
		each = append(each, k)
		for _, g := range k.groups {
			if !slices.Contains(of.groups, g) {
				of.groups = append(of.groups, g)
			}
		}
	}
	for _, k := range all.current {
		add(k)
	}
	for _, k := range all.retired {
		add(k)
	}
	for _, k := range each {
		var lacks []*group
		for _, g := range of.groups {
			if !slices.Contains(k.groups, g) {
				lacks = append(lacks, g)
			}
		}
		k.lacks.Store(&lacks)
	}
}

// copy returns a copy without the retired plans that nobody uses any more.
func (all *plans) copy() *plans {
	c := &plans{
		current: map[*feature.Plan]*known{}, retired: map[weak.Pointer[feature.Plan]]*known{}, pasts: map[string]*past{},
	}
	maps.Copy(c.current, all.current)
	maps.Copy(c.pasts, all.pasts)
	for p, k := range all.retired {
		if p.Value() != nil {
			c.retired[p] = k
		}
	}
	return c
}

// groupID is the id of a model's group. Models have nothing in common, however alike their features are.
func groupID(model string, plain feature.Hash) feature.Hash {
	sum := sha256.Sum256(append(plain[:], model...))
	return feature.Hash(sum[:len(plain)])
}

// group returns a model's group.
func (h *History) group(model string, of *feature.Group) *group {
	id := groupID(model, of.ID)
	g, ok := h.groups[id]
	if !ok {
		retention := time.Duration(of.Layout.Retention()) * time.Millisecond
		g = &group{number: h.states.Group(id, retention), plain: of.ID, labels: of.Labels}
		h.groups[id] = g
	}
	return g
}

// foreign returns the group that a snapshot has under an id that no plan has.
func (h *History) foreign(id feature.Hash) *group {
	g, ok := h.groups[id]
	if !ok {
		g = &group{number: h.Store.Group(id, foreignRetention)}
		h.groups[id] = g
	}
	return g
}

func (h *History) known(p *feature.Plan) *known {
	all := h.plans.Load()
	if k, ok := all.current[p]; ok {
		return k
	}
	return all.retired[weak.Make(p)]
}

// attached returns the groups of plans that are not retired.
func (h *History) attached() map[*group]bool {
	all := map[*group]bool{}
	for _, k := range h.plans.Load().current {
		for _, g := range k.groups {
			all[g] = true
		}
	}
	return all
}

// layouts returns the layout of each group's states.
func (h *History) layouts() map[*group]*window.Layout {
	all := map[*group]*window.Layout{}
	for p, k := range h.plans.Load().current {
		for i, g := range k.groups {
			all[g] = p.Groups[i].Layout
		}
	}
	return all
}

// AnyShort reports whether Short may be true of any of the plan's histories.
func (h *History) AnyShort(p *feature.Plan) bool {
	for _, g := range h.known(p).groups {
		if g.since.Load() > 0 {
			return true
		}
	}
	return false
}

// Short reports whether a history of the plan's i-th group that reaches back to from (event time, ms) is not
// whole: the group's definition is younger than the events of its model, or was not served for a while.
func (h *History) Short(p *feature.Plan, i int, from int64) bool {
	return from < h.known(p).groups[i].since.Load()
}

// saw notes that an event entered history by a plan.
func (h *History) saw(k *known, at int64) {
	raise(&k.past.newest, at)
	if !k.past.scored.Load() {
		k.past.scored.Store(true)
	}
	for _, g := range *k.lacks.Load() {
		raise(&g.since, h.sane(at+1))
	}
}

// relabelled notes that an event's mark was moved by a plan.
func (h *History) relabelled(k *known, at int64) {
	for _, g := range *k.lacks.Load() {
		if g.labels {
			raise(&g.since, h.sane(at+1))
		}
	}
}

// raise makes v at least x.
func raise(v *atomic.Int64, x int64) {
	for {
		old := v.Load()
		if x <= old || v.CompareAndSwap(old, x) {
			return
		}
	}
}

// maxTenants bounds for how many tenants keys are remembered; for others they are made anew for each event.
const maxTenants = 4096

func (k *known) keysOf(s Stream) *feature.Keys {
	all := k.keys.Load()
	if all == nil {
		return s.Plan.Keys(s.Tenant, s.Model)
	}
	if keys, ok := (*all)[s.Tenant]; ok {
		return keys
	}
	keys := s.Plan.Keys(s.Tenant, s.Model)
	if len(*all) < maxTenants {
		more := maps.Clone(*all)
		more[s.Tenant] = keys
		k.keys.CompareAndSwap(all, &more) // whoever loses makes them again
	}
	return keys
}
