package auth

import (
	"context"
	"log/slog"
	"sync"
)

// A quietLog writes so many lines a second at most. How many it has not written, the next one tells.
type quietLog struct {
	log *slog.Logger

	mu         sync.Mutex
	second     int64
	lines      int // of this second
	suppressed int
}

const linesPerSecond = 10

// next reports whether there is room for a line, and how many there was none for.
func (q *quietLog) next(second int64) (suppressed int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if second != q.second {
		q.second, q.lines = second, 0
	}
	if q.lines == linesPerSecond {
		q.suppressed++
		return 0, false
	}
	q.lines++
	suppressed, q.suppressed = q.suppressed, 0
	return suppressed, true
}

func (q *quietLog) warn(ctx context.Context, msg string, suppressed int, attrs ...slog.Attr) {
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	q.log.LogAttrs(ctx, slog.LevelWarn, msg, attrs...)
}
