package score

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/besra-ml/besra/internal/store"
)

// callers is how many calls for one batch are under way at once.
const callers = 32

// sideBySide has some goroutines do all n pieces of work.
func sideBySide(n int, do func(i int)) {
	var next atomic.Int64
	var team sync.WaitGroup
	for range min(n, callers) {
		team.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	team.Wait()
}

// claimTogether is claimAll for a store that is far. The first of a batch's twins is the one to be answered.
func (s *replayed) claimTogether(ctx context.Context, b *Batch) (waiting int) {
	firsts, twins := make([]*Event, 0, len(b.Events)), []*Event(nil)
	seen := make(map[store.Key]struct{}, len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		if !e.Guarded {
			continue
		}
		if _, twice := seen[e.Key]; twice {
			twins = append(twins, e)
			continue
		}
		seen[e.Key] = struct{}{}
		firsts = append(firsts, e)
	}
	var others atomic.Int64
	sideBySide(len(firsts), func(i int) {
		if _, here := s.claim(ctx, firsts[i], false, nil); !here {
			firsts[i].Done = true
			others.Add(1)
		}
	})
	waiting = int(others.Load())
	for _, e := range twins {
		if _, here := s.claim(ctx, e, false, nil); !here {
			e.Done = true
			waiting++
		}
	}
	return waiting
}

// finishTogether is finishAll for a store that is far.
func (s *replayed) finishTogether(ctx, lasting context.Context, b *Batch, i, j int, passed bool) {
	late := make([]bool, j-i)
	sideBySide(j-i, func(k int) { late[k] = !s.finish(lasting, &b.Events[i+k], passed) })
	for k, is := range late {
		if is {
			s.overtaken(ctx, b, &b.Events[i+k])
		}
	}
}
