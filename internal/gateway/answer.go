package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
)

// appendSingle appends the answer to a single request.
func appendSingle(b []byte, s *score.Batch) []byte {
	e := &s.Events[0]
	s.Write(0)
	b = append(b, '{')
	b = appendID(b, e)
	b = append(b, `"model":`...)
	b = strictjson.AppendString(b, s.Model.Name)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(e.Version), 10)
	b = append(b, ',')
	b = append(b, e.Body()...)
	return append(b, '}')
}

// appendBatch appends the answer to a batch, a result or an error for each event.
func appendBatch(b []byte, s *score.Batch, void []*problem.Problem) []byte {
	b = append(b, `{"model":`...)
	b = strictjson.AppendString(b, s.Model.Name)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(s.Model.Version), 10)
	b = append(b, `,"results":[`...)
	for i := range s.Events {
		if i > 0 {
			b = append(b, ',')
		}
		e := &s.Events[i]
		b = append(b, '{')
		b = appendID(b, e)
		switch {
		case void[i] != nil:
			b = append(b, `"error":`...)
			b = void[i].Append(b)
		case e.Replayed:
			b = append(b, e.Body()...)
			b = append(b, `,"replayed":true,"version":`...)
			b = strconv.AppendInt(b, int64(e.Version), 10)
		default:
			s.Write(i)
			b = append(b, e.Body()...)
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
	b = strictjson.AppendString(b, e.ID)
	return append(b, ',')
}

// problem turns a scorer's error into a problem. What clients need not know is kept for operators.
func (v *visit) problem(err error) *problem.Problem {
	var refused *score.ErrRefused
	if p := refusal(err); p != nil {
		v.told.Reason = reason(err)
		return p
	}
	switch {
	case errors.Is(err, score.ErrReused):
		return problem.EventReused.Of("event_id", "an event with this id was scored, and it was another; nothing is changed")
	case errors.As(err, &refused) && refused.What == score.Missing:
		return problem.MissingFeature.Of(refused.Field, refused.Detail)
	case errors.As(err, &refused):
		return problem.OutOfBounds.Of(refused.Field, refused.Detail)
	case errors.Is(err, score.ErrLate):
		return problem.DeadlineExceeded.Of("", "there was no time left to score it; nothing is kept")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem.DeadlineExceeded.Of("", "there was no time left, or the same event was still being scored")
	}
	v.blame(err)
	switch {
	case errors.Is(err, store.ErrDown):
		return problem.NotReady.Of("", "the store that processes share does not answer; ask again")
	case errors.Is(err, history.ErrUnsaved), errors.Is(err, history.ErrSlow):
		return problem.NotReady.Of("", "the answer could not be made durable; ask again")
	}
	return problem.Internal.Of("", "the log has more, by the request's id")
}

// markReplayed tells that an answer is that of an earlier request.
func markReplayed(w http.ResponseWriter) { w.Header()["Idempotent-Replayed"] = yes }

var yes = []string{"true"}
