package forest

import (
	"runtime"
	"sync"
)

// each calls do for all i below n, from as many goroutines as there are processors: a model that is read while somebody
// waits for it is ready sooner. do must write nothing that is not its own i's.
func each(n int, do func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers < 2 {
		for i := range n {
			do(i)
		}
		return
	}
	var team sync.WaitGroup
	for w := range workers {
		team.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	team.Wait()
}
