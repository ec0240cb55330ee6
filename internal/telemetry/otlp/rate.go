package otlp

import "sync/atomic"

// A rate lets so many through in each second.
type rate struct {
	most  uint32
	state atomic.Uint64 // the second, modulo 2^32, above how many went through in it
}

// take reports whether one more may go through in a second. A second that is over may count again, for one that is late.
func (r *rate) take(second int64) bool {
	for {
		was := r.state.Load()
		is := uint64(uint32(second)) << 32
		if was>>32 == is>>32 {
			is = was
		}
		if uint32(is) >= r.most {
			return false
		}
		if r.state.CompareAndSwap(was, is+1) {
			return true
		}
	}
}
