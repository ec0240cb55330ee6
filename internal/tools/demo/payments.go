package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/besra-ml/besra/internal/tools/simulate"
)

// What is held in memory is bounded whatever world is asked for.
const maxPayments = 4_000_000

// A payment is 24 bytes.
type payment struct {
	amount   Money
	second   int32 // since the world began
	card     int32
	terminal int32
	fraud    bool
}

// payments are those that the server learns, followed by those that are held out, in the order of time.
type payments struct {
	all    []payment
	first  int    // the first that is held out
	end    int    // those from here on are not played
	number int    // of the first payment of all
	start  int64  // of the world, seconds since 1970
	model  string // a member of requests
}

// labelDelay is how many seconds after its payment a label is known.
const labelDelay = int32(simulate.LabelDelay / time.Second)

const day = 24 * 60 * 60 // seconds

// simulated simulates the payments that o asks for.
func simulated(ctx context.Context, o Options) (*payments, error) {
	p := &payments{start: o.World.Start.Unix(), model: modelMember(o.Model)}
	learn, heldOut := int32(o.First-o.Learn)*day, int32(o.First)*day
	err := simulate.Each(ctx, o.World, func(s simulate.Payment) error {
		second := int32(s.Time - p.start)
		switch {
		case second < learn:
			p.number = s.Number + 1
			return nil
		case len(p.all) == maxPayments:
			return fmt.Errorf("there are more than %s payments", grouped(maxPayments))
		case second < heldOut:
			p.first++
		}
		p.all = append(p.all, payment{
			amount: Money(s.Cents), second: second, card: int32(s.Card), terminal: int32(s.Terminal), fraud: s.Scenario != 0,
		})
		return nil
	})
	if err == nil && p.first == len(p.all) {
		err = errors.New("there are no payments")
	}
	p.end = len(p.all)
	if o.Count > 0 {
		p.end = min(p.end, p.first+o.Count)
	}
	return p, err
}

func (p *payments) at(i int) *payment { return &p.all[i] }

// after is a second after the last payment that is played.
func (p *payments) after() int32 { return p.all[p.end-1].second + 1 }

// day is when payment i was made, as a date.
func (p *payments) day(i int) string {
	return time.Unix(p.start+int64(p.all[i].second), 0).UTC().Format(time.DateOnly)
}

// appendBatch appends a request of POST /v1/score/batch.
func (p *payments) appendBatch(b []byte, batch []int) []byte {
	b = append(append(append(b, '{'), p.model...), `"events":[`...)
	for n, i := range batch {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(p.appendID(append(b, '{'), i), `,"event":`...)
		b = append(p.appendEvent(b, i, p.all[i].second), '}')
	}
	return append(b, `]}`...)
}

// appendSingle appends a request of POST /v1/score.
func (p *payments) appendSingle(b []byte, i int) []byte {
	b = append(p.appendID(append(b, '{'), i), ',')
	b = append(append(b, p.model...), `"event":`...)
	return append(p.appendEvent(b, i, p.all[i].second), '}')
}

// appendLabels appends a request of POST /v1/labels for the payments from i up to end.
func (p *payments) appendLabels(b []byte, i, end int) []byte {
	b = append(b, `{"labels":[`...)
	for from := i; i < end; i++ {
		if i > from {
			b = append(b, ',')
		}
		b = p.appendID(append(b, '{'), i)
		if p.all[i].fraud {
			b = append(b, `,"label":"fraud","time":`...)
		} else {
			b = append(b, `,"label":"genuine","time":`...)
		}
		b = append(p.appendTime(b, p.all[i].second+labelDelay), '}')
	}
	return append(b, `]}`...)
}

func (p *payments) appendID(b []byte, i int) []byte {
	b = append(b, `"event_id":"evt_`...)
	return append(strconv.AppendInt(b, int64(p.number+i), 10), '"')
}

// appendEvent appends payment i as if it were made at that second.
func (p *payments) appendEvent(b []byte, i int, second int32) []byte {
	at := &p.all[i]
	b = p.appendTime(append(b, `{"time":`...), second)
	b = strconv.AppendInt(append(b, `,"card":"c_`...), int64(at.card), 10)
	b = strconv.AppendInt(append(b, `","terminal":"t_`...), int64(at.terminal), 10)
	b = strconv.AppendInt(append(b, `","amount":`...), int64(at.amount/100), 10)
	hundredths := at.amount % 100
	return append(b, '.', byte('0'+hundredths/10), byte('0'+hundredths%10), '}')
}

func (p *payments) appendTime(b []byte, second int32) []byte {
	at := time.Unix(p.start+int64(second), 0).UTC()
	return append(at.AppendFormat(append(b, '"'), time.RFC3339), '"')
}

// modelMember is the member of a request that names the model; "" when none is named.
func modelMember(name string) string {
	if name == "" {
		return ""
	}
	quoted, _ := jsontext.AppendQuote(nil, name) // what is not UTF-8 becomes U+FFFD, which the server will not know
	return `"model":` + string(quoted) + ","
}
