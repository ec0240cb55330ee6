package score

import (
	"encoding/binary"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/strictjson"
)

// Write writes the answer of event i, unless it is there: the model's version, then the members of the
// answer's JSON from the score on. It is what a repeated event gets, byte for byte.
func (b *Batch) Write(i int) {
	e := &b.Events[i]
	if e.Answer != nil {
		return
	}
	start := len(b.Answers)
	b.Answers = binary.AppendUvarint(b.Answers, uint64(b.Model.Version))
	b.Answers = b.appendMembers(b.Answers, i)
	e.Answer = b.Answers[start:len(b.Answers):len(b.Answers)] // what is appended later may move the memory, not this
}

// appendMembers appends the members of result i.
func (b *Batch) appendMembers(dst []byte, i int) []byte {
	e, m := &b.Events[i], b.Model
	dst = append(dst, `"score":`...)
	dst = strictjson.AppendNumber(dst, e.Result.Score, m.Bits)
	if !m.NoMargin {
		dst = append(dst, `,"margin":`...)
		dst = strictjson.AppendNumber(dst, e.Result.Margin, m.Bits)
	}
	if m.Values > 1 {
		dst = append(dst, `,"scores":[`...)
		for k, v := range b.EventValues(i) {
			if k > 0 {
				dst = append(dst, ',')
			}
			if e.Result.Score != e.Result.Score {
				v = e.Result.Score // there was no row to score
			}
			dst = strictjson.AppendNumber(dst, v, m.Bits)
		}
		dst = append(dst, ']')
		dst = AppendLabels(dst, m.Labels)
	}
	if e.Result.Decision != policy.None {
		dst = append(dst, `,"decision":"`...)
		dst = append(dst, e.Result.Decision.String()...)
		dst = append(dst, `","policy":`...)
		dst = strictjson.AppendString(dst, e.Result.Policy.Version)
	}
	if l := e.Result.List; l != nil {
		dst = append(dst, `,"reasons":[{"code":"list","entity":`...)
		dst = strictjson.AppendString(dst, l.Entity)
		dst = append(dst, `,"list":`...)
		dst = strictjson.AppendString(dst, l.File)
		dst = append(dst, `}]`...)
	}
	dst = appendWarnings(dst, e.Warnings)
	if e.Result.Degraded {
		dst = append(dst, `,"degraded":true`...)
	}
	return dst
}

// AppendLabels appends the names of a model's outputs, if it has any, as a member.
func AppendLabels(dst []byte, labels []string) []byte {
	if len(labels) == 0 {
		return dst
	}
	dst = append(dst, `,"labels":[`...)
	for i, l := range labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, l)
	}
	return append(dst, ']')
}

func appendWarnings(dst []byte, warnings []Warning) []byte {
	if len(warnings) == 0 {
		return dst
	}
	dst = append(dst, `,"warnings":[`...)
	for i, w := range warnings {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"code":"`...)
		dst = append(dst, w.What.String()...)
		dst = append(dst, `","field":`...)
		dst = strictjson.AppendString(dst, w.Field)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
