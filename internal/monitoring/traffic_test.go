//go:build unix

package monitoring

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// traffic is what clients ask until it is stopped, so many times a second, without end before the test's.
type traffic struct {
	stop func()
}

// play asks again and again; n counts from 0.
func play(t *testing.T, rate int, ask func(n int)) *traffic {
	t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
				running.Go(func() { ask(n) })
			}
		}
	})
	p := &traffic{stop: sync.OnceFunc(func() { close(done); running.Wait() })}
	t.Cleanup(p.stop)
	return p
}

// payment is one of a few cards, a minute after the one before; every tenth comes twice.
func payment(n int, amount float64) string {
	return fmt.Sprintf(`{"event_id":"e%d",%s}`, n-n%10/9, event(n-n%10/9, amount))
}

// event is a payment's content.
func event(n int, amount float64) string {
	at := time.Unix(1_700_000_000+int64(n)*60, 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`"event":{"time":%q,"card":"c_%d","terminal":"t_%d","amount":%.2f}`, at, n%40, n%70, amount+float64(n%9))
}

// rows is a batch of so many rows.
func rows(n, count int) string {
	var items []string
	for i := range count {
		items = append(items, fmt.Sprintf(`{"row":[%d.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}`, (n*count+i)%1000))
	}
	return `{"events":[` + strings.Join(items, ",") + `]}`
}
