package valkey

import (
	"context"
	"time"

	"github.com/valkey-io/valkey-go"
)

// amends are what is still to be said to the store, and nobody waits for: new bases, claims and changes to be taken
// back after a call whose end nobody knows. What cannot be said is tried again when the store is back; when there is
// too much of it, it is dropped: claims expire by themselves, and a change that stays is known by its tag.
type amends struct {
	list chan amend
}

type amend struct {
	use        use
	script     *lua
	key        string
	args       []string
	until      time.Time // when it is not worth saying any more
	persistent bool      // it is tried again
}

const (
	mostAmends = 4096
	amendTime  = 30 * time.Second
	amenders   = 2
)

func newAmends() amends { return amends{list: make(chan amend, mostAmends)} }

// add puts something on the list, unless it is full. What is said once only has half of it.
func (a *amends) add(m amend) {
	if !m.persistent && len(a.list) >= mostAmends/2 {
		return
	}
	m.until = time.Now().Add(amendTime)
	select {
	case a.list <- m:
	default:
	}
}

// work says what is on the list until ctx ends.
func (a *amends) work(ctx context.Context, l *link) {
	for {
		var m amend
		select {
		case <-ctx.Done():
			return
		case m = <-a.list:
		}
		for {
			err := l.run(ctx, m.use, m.script, []string{m.key}, m.args).Error()
			if err == nil || valkey.IsValkeyNil(err) || !m.persistent || time.Now().After(m.until) {
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(tryFirst):
			}
		}
	}
}
