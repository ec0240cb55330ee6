package registry

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/feature"
)

// A Set is the models that are served at one time. It does not change.
type Set struct {
	models  []*Model
	only    *Model            // the live version of the only model; nil when there are several
	names   map[string]*Model // "fraud" is the live version, "fraud@3" that one
	live    []string          // names, in order
	plans   map[string]*feature.Plan
	refused []Refused
}

// A Refused is a version that was found and is not served, or not as the live one.
type Refused struct {
	Name    string
	Version int
	Reason  string // as metrics have it: a Reason…
	Why     string // a line for people, without paths of the machine
}

// Why versions are refused.
const (
	Unreadable   = "unreadable"
	Incomplete   = "incomplete"
	Inconsistent = "inconsistent"
	Unproven     = "unproven"
	NeedsChoice  = "needs-choice" // it is served, and not live
	Other        = "other"
)

// Models returns all models by name, the newest version first. The caller must not change it.
func (s *Set) Models() []*Model { return s.models }

// Names returns the names of the models. The caller must not change it.
func (s *Set) Names() []string { return s.live }

// Refused returns what is not served, or not live, by name and version. The caller must not change it.
func (s *Set) Refused() []Refused { return s.refused }

// Plan returns the plan of a name's events; nil when it takes rows only, or is not served.
func (s *Set) Plan(name string) *feature.Plan { return s.plans[name] }

// Live returns the live version of a name, nil when it is not served.
func (s *Set) Live(name string) *Model { return s.names[name] }

// Version returns one version of a name, nil when it is not served.
func (s *Set) Version(name string, version int) *Model { return s.names[pinned(name, version)] }

// String returns name@version.
func (m *Model) String() string { return pinned(m.Name, m.Version) }

func pinned(name string, version int) string { return fmt.Sprintf("%s@%d", name, version) }

// Next returns the Set of these models, each version once, to follow the one before it; nil: there was none. refused is
// what else was found.
//
// The live version of a name is the one that pins names. Without a pin it is the one that was live, or a higher proven
// one that answers what the live one does: it takes events if that one does, and needs no other fields of them. Where
// there was none, the lowest proven one comes first.
// A pin to a version that is not there leaves live what is.
//
// A version whose events do not go together with those of the others is refused; those that were served stay. The
// others share one plan, which is the one before if that will do. Models that were served are copied where they
// change; requests may have them.
func Next(before *Set, models []*Model, pins map[string]int, refused []Refused) *Set {
	s := &Set{names: map[string]*Model{}, plans: map[string]*feature.Plan{}, refused: slices.Clone(refused)}
	if before == nil {
		before = &Set{}
	}
	byName := map[string][]*Model{}
	for _, m := range models {
		byName[m.Name] = append(byName[m.Name], m)
	}
	for name, of := range byName {
		slices.SortFunc(of, func(a, b *Model) int { return cmp.Compare(a.Version, b.Version) })
		pin, isPinned := pins[name]
		s.add(before, name, of, pin, isPinned)
	}
	slices.SortFunc(s.models, func(a, b *Model) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version))
	})
	slices.SortFunc(s.refused, func(a, b Refused) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version), strings.Compare(a.Reason, b.Reason))
	})
	for _, m := range s.models {
		if m.Live {
			s.live = append(s.live, m.Name)
		}
	}
	if len(s.live) == 1 {
		s.only = s.names[s.live[0]]
	}
	return s
}

// add adds the versions of a name, the lowest first.
func (s *Set) add(before *Set, name string, of []*Model, pin int, isPinned bool) {
	served := func(m *Model) bool { return before.names[m.String()] != nil }
	plan := before.Plan(name)
	trusted := slices.Clone(of)
	slices.SortStableFunc(trusted, func(a, b *Model) int { // who comes first stays
		rank := func(m *Model) int {
			switch {
			case served(m):
				return 0
			case isPinned && m.Version == pin:
				return 1
			}
			return 2
		}
		return cmp.Compare(rank(a), rank(b))
	})
	plan, programs := s.unite(plan, trusted)
	of = slices.DeleteFunc(slices.Clone(of), func(m *Model) bool { _, ok := programs[m]; return !ok })
	if len(of) == 0 {
		return
	}
	live, waiting := choose(of, before.Live(name), pin, isPinned)
	s.refused = append(s.refused, waiting...)
	if plan != nil {
		s.plans[name] = plan
	}
	for _, m := range of {
		p := plan
		if m.events == nil {
			p = nil
		}
		made := m.as(before.names[m.String()] != m, m == live, p, programs[m])
		s.models = append(s.models, made)
		s.names[made.String()] = made
		if made.Live {
			s.names[name] = made
		}
	}
}

// unite makes one plan for all versions of a name that take events: what one of them needs of an event, the others
// accept, and the histories of all are kept, whichever answers. It returns the programs of the versions that go
// together, by version, and refuses the others, the last first.
func (s *Set) unite(before *feature.Plan, of []*Model) (*feature.Plan, map[*Model]*feature.Program) {
	var plan *feature.Plan
	var defs []*feature.Definition
	var alone []*feature.Plan // of defs
	var united []*Model
	for _, m := range of {
		if m.events == nil {
			united = append(united, m)
			continue
		}
		own, err := planOf([]*feature.Definition{m.events})
		more, known := plan, err == nil && slices.ContainsFunc(alone, own.Equal)
		if err == nil && !known {
			more, err = planOf(append(slices.Clone(defs), m.events))
		}
		if err == nil {
			_, err = more.Program(m.events, m.Columns)
		}
		if err != nil {
			s.refused = append(s.refused, Refused{m.Name, m.Version, Inconsistent, "it cannot be served with the other versions: " + err.Error()})
			continue
		}
		plan, united = more, append(united, m)
		if !known {
			defs, alone = append(defs, m.events), append(alone, own)
		}
	}
	if plan != nil && before != nil && plan.Equal(before) {
		plan = before
	}
	programs := map[*Model]*feature.Program{}
	for _, m := range united {
		programs[m] = m.Program
		if m.events != nil && m.Plan != plan {
			programs[m], _ = plan.Program(m.events, m.Columns) // it was made above
		}
	}
	return plan, programs
}

var errGroups = errors.New("together they keep too many histories of an event; unload versions that are no longer asked")

// planOf unites definitions, within what an event's record can say.
func planOf(defs []*feature.Definition) (*feature.Plan, error) {
	p, err := feature.NewPlan(defs)
	if err == nil && (len(p.Groups) > feature.MaxGroups || len(p.EntityFields) > feature.MaxEntities) {
		return nil, errGroups
	}
	return p, err
}

// choose returns the live one of versions, the lowest of which is first, and those that could be if an operator
// said so.
func choose(of []*Model, before *Model, pin int, isPinned bool) (live *Model, waiting []Refused) {
	find := func(version int) *Model {
		if i := slices.IndexFunc(of, func(m *Model) bool { return m.Version == version }); i >= 0 {
			return of[i]
		}
		return nil
	}
	if isPinned {
		if live = find(pin); live != nil {
			return live, nil
		}
	}
	candidates := slices.DeleteFunc(slices.Clone(of), func(m *Model) bool { return !m.Proven })
	if len(candidates) == 0 {
		candidates = of
	}
	if before != nil {
		live = find(before.Version)
	}
	if live != nil && isPinned {
		return live, nil
	}
	if live == nil {
		live = candidates[0]
	}
	for _, m := range candidates {
		if m.Version > live.Version && reserve(m, live) == "" {
			live = m
		}
	}
	for _, m := range candidates {
		if m.Version > live.Version {
			why := fmt.Sprintf("%s; say which is to be live: besra models use %s", reserve(m, live), m)
			waiting = append(waiting, Refused{m.Name, m.Version, NeedsChoice, why})
		}
	}
	return live, waiting
}

// reserve returns why m does not follow live by itself: requests that live answers would fail. "": it does.
func reserve(m, live *Model) string {
	if m.events == nil && live.events != nil {
		return fmt.Sprintf("it takes no events, and version %d, which is live, does", live.Version)
	}
	if more := lacking(m, live); len(more) > 0 {
		return fmt.Sprintf("its events need %s, and those of version %d, which is live, do not", strings.Join(more, ", "), live.Version)
	}
	return ""
}

// lacking returns the event fields that m needs and live does not.
func lacking(m, live *Model) []string {
	had := live.needs()
	return slices.DeleteFunc(m.needs(), func(name string) bool { return slices.Contains(had, name) })
}
