package gateway

import (
	"fmt"
	"strconv"

	besra "github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/strictjson"
)

// A decoder reads the rows, or the events, of one batch by one schema.
type decoder struct {
	schema        *schema
	walker        *strictjson.Members
	events        *eventDecoder // nil: the model takes rows only
	ignoreUnknown bool
}

// read reads the scanner's next value, the content of item i, into the call's batch.
func (d *decoder) read(s *strictjson.Scanner, c *call, kind contentKind, i int) *problem.Problem {
	if kind == contentEvent {
		return d.event(s, c, i)
	}
	return d.content(s, kind, c.scored.Row(i), &c.scored.Events[i])
}

// content reads the scanner's next value, what is scored, into a row and its event's warnings.
func (d *decoder) content(s *strictjson.Scanner, kind contentKind, row []float64, e *score.Event) *problem.Problem {
	for i := range row {
		row[i] = d.schema.fields[i].absent
	}
	var p *problem.Problem
	if kind == contentRow {
		p = d.row(s, row, e)
	} else {
		p = d.features(s, row, e)
	}
	if p != nil {
		return p
	}
	for i := range d.schema.fields {
		if f := &d.schema.fields[i]; f.needed && (row[i] != row[i] || row[i] == f.absent) {
			return problem.MissingFeature.Of(f.column.Name, "the bundle says that it may not be missing")
		}
	}
	return nil
}

// features reads an object by name.
func (d *decoder) features(s *strictjson.Scanner, row []float64, e *score.Event) *problem.Problem {
	if err := d.walker.Open(s); err != nil {
		return fromJSON(err, "features")
	}
	for {
		i, ok, err := d.walker.Next(s)
		switch {
		case err != nil:
			return fromJSON(err, "features")
		case !ok:
			return nil
		case i != strictjson.Unknown:
			if p := d.value(s, i, row, e); p != nil {
				return p
			}
			continue
		case !d.ignoreUnknown:
			return problem.UnknownFeature.Of(short(d.walker.Unknown()), "the model has no such feature")
		}
		if _, err := s.Skip(); err != nil {
			return fromJSON(err, "features")
		}
	}
}

// row reads an array in the model's order.
func (d *decoder) row(s *strictjson.Scanner, row []float64, e *score.Event) *problem.Problem {
	if err := s.Array(); err != nil {
		return fromJSON(err, "row")
	}
	for i := 0; ; i++ {
		ok, err := s.Element()
		switch {
		case err != nil:
			return fromJSON(err, "row")
		case !ok && i == len(row):
			return nil
		case !ok || i == len(row):
			return problem.WrongShape.Of("row", fmt.Sprintf("want %d values, in the model's order", len(row)))
		}
		if p := d.value(s, i, row, e); p != nil {
			return p
		}
	}
}

// value reads feature i.
func (d *decoder) value(s *strictjson.Scanner, i int, row []float64, e *score.Event) *problem.Problem {
	f := &d.schema.fields[i]
	switch kind := s.Kind(); {
	case kind == strictjson.Number && f.column.Type != besra.String:
		x, err := s.Float()
		if err != nil {
			return fromJSON(err, f.column.Name)
		}
		if f.isMissing(x) {
			return nil
		}
		row[i] = x
		if x >= f.low && x <= f.high {
			return nil
		}
		return f.outside(i, x, e)
	case kind == strictjson.Null:
		return f.check(s.Null())
	case kind == strictjson.String && f.column.Type == besra.String:
		name, err := s.String()
		if err != nil {
			return fromJSON(err, f.column.Name)
		}
		row[i] = f.column.CodeOf(name)
		if row[i] != row[i] {
			e.Warnings = append(e.Warnings, score.Warning{Field: f.column.Name, Feature: i, What: score.UnknownCategory})
		}
		return nil
	case f.column.Type == besra.Bool && (kind == strictjson.True || kind == strictjson.False):
		yes, err := s.Bool()
		row[i] = 0
		if yes {
			row[i] = 1
		}
		return f.check(err)
	default:
		return f.mismatch(s, kind)
	}
}

// isMissing reports whether x is the number that stands for missing, in the model's width.
func (f *field) isMissing(x float64) bool {
	return x == f.missing || f.limit == float32Limit && float32(x) == float32(f.missing)
}

// check turns an error of the scanner into a problem of this field.
func (f *field) check(err error) *problem.Problem {
	if err != nil {
		return fromJSON(err, f.column.Name)
	}
	return nil
}

// outside judges a number that is not within the bounds.
func (f *field) outside(i int, x float64, e *score.Event) *problem.Problem {
	if x >= f.limit || x <= -f.limit {
		return problem.OutOfBounds.Of(f.column.Name, strconv.FormatFloat(x, 'g', 6, 64)+" is more than a float32 can hold")
	}
	if f.refuseBounds {
		return problem.OutOfBounds.Of(f.column.Name, f.bounds(x))
	}
	e.Warnings = append(e.Warnings, score.Warning{Field: f.column.Name, Feature: i, What: score.OutOfBounds})
	return nil
}

func (f *field) bounds(x float64) string {
	if x < f.low {
		return fmt.Sprintf("%v is below %v, the least that the bundle allows", x, f.low)
	}
	return fmt.Sprintf("%v is above %v, the most that the bundle allows", x, f.high)
}

// mismatch says what the field takes instead of a value of this kind.
func (f *field) mismatch(s *strictjson.Scanner, kind strictjson.Kind) *problem.Problem {
	if kind == strictjson.Invalid {
		_, err := s.Skip()
		return fromJSON(err, f.column.Name)
	}
	var want string
	switch f.column.Type {
	case besra.String:
		want = "a string, the category's name in quotes,"
	case besra.Bool:
		want = "true, false, 0 or 1"
	default:
		want = "a number"
	}
	return problem.WrongType.Of(f.column.Name, fmt.Sprintf("offset %d: want %s or null, not %s", s.Offset(), want, kind))
}
