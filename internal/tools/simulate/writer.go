package simulate

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
)

// header names the columns; payment writes them in this order.
const header = "event_id,time,card,terminal,amount,label,label_time,scenario\n"

// labelDays is how long it takes until a payment's label is known.
const labelDays = 7

// writer writes payments as lines of CSV. No field needs quotes.
type writer struct {
	out   *bufio.Writer
	start time.Time
	line  []byte
	next  int // number of the next payment

	day          int
	date, labels []byte // of that day and of its labels, up to the T
}

func newWriter(w io.Writer, start time.Time) *writer {
	out := bufio.NewWriterSize(w, 256<<10)
	out.WriteString(header) // an error stays in out and comes back from the next write or flush
	return &writer{out: out, start: start.UTC(), day: -1}
}

func (w *writer) payment(day int, p *payment) error {
	if day != w.day {
		w.day = day
		w.date = w.start.AddDate(0, 0, day).AppendFormat(w.date[:0], "2006-01-02T")
		w.labels = w.start.AddDate(0, 0, day+labelDays).AppendFormat(w.labels[:0], "2006-01-02T")
	}
	b := append(w.line[:0], "evt_"...)
	b = strconv.AppendInt(b, int64(w.next), 10)
	b = appendTime(append(b, ','), w.date, p.second)
	b = strconv.AppendInt(append(b, ",c_"...), int64(p.card), 10)
	b = strconv.AppendInt(append(b, ",t_"...), int64(p.terminal), 10)
	b = strconv.AppendInt(append(b, ','), p.cents/100, 10)
	b = append2(append(b, '.'), int32(p.cents%100))
	if p.scenario == genuine {
		b = append(b, ",genuine,"...)
	} else {
		b = append(b, ",fraud,"...)
	}
	b = appendTime(b, w.labels, p.second)
	b = append(b, ',', '0'+p.scenario, '\n')
	w.line = b
	w.next++
	_, err := w.out.Write(b)
	return err
}

// close flushes. The first error, which may be err, is the one that matters.
func (w *writer) close(err error) error {
	if flush := w.out.Flush(); err == nil && flush != nil {
		return fmt.Errorf("simulate: write: %w", flush)
	}
	return err
}

func appendTime(b, date []byte, second int32) []byte {
	b = append2(append(b, date...), second/3600)
	b = append2(append(b, ':'), second/60%60)
	b = append2(append(b, ':'), second%60)
	return append(b, 'Z')
}

// append2 appends two digits.
func append2(b []byte, v int32) []byte {
	return append(b, byte('0'+v/10), byte('0'+v%10))
}
