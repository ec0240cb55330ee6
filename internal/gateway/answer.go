package gateway

import (
	"strconv"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/score"
)

// appendSingle appends the answer to a single request.
func appendSingle(b []byte, s *score.Batch) []byte {
	b = append(b, '{')
	b = appendID(b, &s.Events[0])
	b = append(b, `"model":`...)
	b = appendString(b, s.Model.Name)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(s.Model.Version), 10)
	b = append(b, ',')
	b = appendResult(b, s, 0)
	return append(b, '}')
}

// appendBatch appends the answer to a batch, a result or an error for each event.
func appendBatch(b []byte, s *score.Batch, void []*Problem) []byte {
	b = append(b, `{"model":`...)
	b = appendString(b, s.Model.Name)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(s.Model.Version), 10)
	b = append(b, `,"results":[`...)
	for i := range s.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendID(b, &s.Events[i])
		if void[i] != nil {
			b = append(b, `"error":`...)
			b = void[i].appendTo(b)
		} else {
			b = appendResult(b, s, i)
		}
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

func appendID(b []byte, e *score.Event) []byte {
	if e.ID == nil {
		return b
	}
	b = append(b, `"event_id":`...)
	b = appendString(b, e.ID)
	return append(b, ',')
}

// appendResult appends the members of result i, from the score on.
func appendResult(b []byte, s *score.Batch, i int) []byte {
	e, m := &s.Events[i], s.Model
	b = append(b, `"score":`...)
	b = appendNumber(b, e.Result.Score, m.Bits)
	b = append(b, `,"margin":`...)
	b = appendNumber(b, e.Result.Margin, m.Bits)
	if m.Values > 1 {
		b = append(b, `,"scores":[`...)
		for k, v := range s.EventValues(i) {
			if k > 0 {
				b = append(b, ',')
			}
			b = appendNumber(b, v, m.Bits)
		}
		b = append(b, ']')
		b = appendLabels(b, m.Labels)
	}
	if e.Result.Decision != policy.None {
		b = append(b, `,"decision":"`...)
		b = append(b, e.Result.Decision.String()...)
		b = append(b, `","policy":`...)
		b = appendString(b, m.Policy.Version)
	}
	b = appendWarnings(b, s, e)
	if e.Result.Degraded {
		b = append(b, `,"degraded":true`...)
	}
	return b
}

func appendLabels(b []byte, labels []string) []byte {
	if len(labels) == 0 {
		return b
	}
	b = append(b, `,"labels":[`...)
	for i, l := range labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, l)
	}
	return append(b, ']')
}

// appendWarnings appends what the client should know about the event's features.
func appendWarnings(b []byte, s *score.Batch, e *score.Event) []byte {
	if len(e.Warnings) == 0 {
		return b
	}
	b = append(b, `,"warnings":[`...)
	for i, w := range e.Warnings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"code":`...)
		if w.What == score.UnknownCategory {
			b = append(b, `"unknown-category"`...)
		} else {
			b = append(b, `"out-of-bounds"`...)
		}
		b = append(b, `,"field":`...)
		b = appendString(b, s.Model.Columns[w.Feature].Name)
		b = append(b, '}')
	}
	return append(b, ']')
}
