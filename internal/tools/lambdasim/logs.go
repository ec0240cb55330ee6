package lambdasim

import (
	"sync"
	"time"
)

// A Line is an event of a log stream.
type Line struct {
	Time   time.Time
	Stream string // of an environment
	Text   string
}

// Logs are what CloudWatch Logs would have: the lines of all environments, the newest of them. Its methods may be called
// from many goroutines.
type Logs struct {
	mu    sync.Mutex
	most  int
	lines []Line // a ring, once it is full
	first int
	all   int
	bytes int64
	watch func(Line)
}

// defaultLines is how many lines are kept.
const defaultLines = 20_000

// NewLogs returns logs that keep the newest lines, so many of them; 0: 20,000.
func NewLogs(most int) *Logs {
	if most <= 0 {
		most = defaultLines
	}
	return &Logs{most: most}
}

// Watch has f called with each line from now on, one at a time. It must not call the logs.
func (l *Logs) Watch(f func(Line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = f
}

func (l *Logs) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	l.bytes += int64(len(line.Text))
	if len(l.lines) < l.most {
		l.lines = append(l.lines, line)
	} else {
		l.lines[l.first] = line
		l.first = (l.first + 1) % l.most
	}
	if l.watch != nil {
		l.watch(line)
	}
}

// Tail returns the newest lines, n at most, oldest first.
func (l *Logs) Tail(n int) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(max(n, 0), len(l.lines))
	tail := make([]Line, 0, n)
	for i := len(l.lines) - n; i < len(l.lines); i++ {
		tail = append(tail, l.lines[(l.first+i)%len(l.lines)])
	}
	return tail
}

// Size returns how many lines there were, and their bytes, by which CloudWatch charges.
func (l *Logs) Size() (lines int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all, l.bytes
}
