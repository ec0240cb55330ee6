package events

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/rows"
)

// A cell appends a value, which is not null, as the text that it would be in a CSV file.
type cell func(dst []byte, v parquet.Value) []byte

// A kind is what a Parquet column holds, as far as events care.
type kind uint8

const (
	otherKind kind = iota
	textKind
	wholeKind
	floatKind
	boolKind
	timeKind
	localKind // a timestamp of nobody knows which zone
)

// cellOf returns how a column of a Parquet file is read as what c is.
func cellOf(c *column, p *parquet.Column) (cell, error) {
	if !p.Leaf() || p.Repeated() {
		return nil, errors.New("is nested: want one value a row")
	}
	read, k := cellOfType(p.Type())
	if k == localKind {
		return nil, errors.New("holds local times: want timestamps that are adjusted to UTC")
	}
	for _, want := range kindsOf(c) {
		if k == want {
			return read, nil
		}
	}
	return nil, fmt.Errorf("a column of type %v cannot be read as %s", p.Type(), c.what())
}

// what names what c is.
func (c *column) what() string {
	switch c.role {
	case field:
		return "a field of type " + c.spec.Type.String()
	case labelTime:
		return "a time"
	case label:
		return "fraud or genuine"
	case ignored, identity:
	}
	return "a text"
}

// kindsOf returns what a column may hold to be read as c. A float is no entity: 17 would have become 17.0 on
// its way there.
func kindsOf(c *column) []kind {
	switch {
	case c.role == labelTime || c.role == field && c.spec.Type == feature.Time:
		return []kind{textKind, timeKind}
	case c.role == label || c.role == field && c.spec.Type == feature.Bool:
		return []kind{textKind, wholeKind, boolKind}
	case c.role == field && c.spec.Type == feature.Number:
		return []kind{textKind, wholeKind, floatKind}
	}
	return []kind{textKind, wholeKind}
}

func cellOfType(t parquet.Type) (cell, kind) {
	switch l := logical(t).(type) {
	case nil:
		return cellOfKind(t.Kind())
	case *format.TimestampType:
		if t.Kind() != parquet.Int64 || l.Unit.Value == nil {
			return nil, otherKind
		}
		if !l.IsAdjustedToUTC {
			return nil, localKind
		}
		return appendTimestamp(int64(l.Unit.Value.Duration())), timeKind
	case *format.IntType:
		switch k := t.Kind(); {
		case k != parquet.Int32 && k != parquet.Int64:
			return nil, otherKind
		case !l.IsSigned && k == parquet.Int32:
			return func(dst []byte, v parquet.Value) []byte { return strconv.AppendUint(dst, uint64(v.Uint32()), 10) }, wholeKind
		case !l.IsSigned:
			return func(dst []byte, v parquet.Value) []byte { return strconv.AppendUint(dst, v.Uint64(), 10) }, wholeKind
		}
		return cellOfKind(t.Kind())
	case *format.StringType, *format.EnumType:
		return cellOfKind(t.Kind())
	}
	return nil, otherKind
}

func logical(t parquet.Type) any {
	if l := t.LogicalType(); l != nil && l.Value != nil {
		return l.Value
	}
	return nil
}

// cellOfKind is cellOfType for columns without a meaning of their own.
func cellOfKind(k parquet.Kind) (cell, kind) {
	switch k {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return func(dst []byte, v parquet.Value) []byte { return append(dst, v.ByteArray()...) }, textKind
	case parquet.Int32:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, int64(v.Int32()), 10) }, wholeKind
	case parquet.Int64:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, v.Int64(), 10) }, wholeKind
	case parquet.Float:
		return func(dst []byte, v parquet.Value) []byte { return rows.AppendNumber(dst, float64(v.Float()), 64) }, floatKind
	case parquet.Double:
		return func(dst []byte, v parquet.Value) []byte { return rows.AppendNumber(dst, v.Double(), 64) }, floatKind
	case parquet.Boolean:
		return appendBool, boolKind
	default:
		return nil, otherKind
	}
}

func appendBool(dst []byte, v parquet.Value) []byte {
	if v.Boolean() {
		return append(dst, '1')
	}
	return append(dst, '0')
}

// appendTimestamp returns what writes timestamps of a unit, in nanoseconds. Digits beyond the millisecond are cut
// off; what no event can have is written as the number that it is.
func appendTimestamp(unit int64) cell {
	per := int64(time.Millisecond) / unit
	return func(dst []byte, v parquet.Value) []byte {
		t := v.Int64()
		if t < 0 || t/per > rfc3339.MaxTime {
			return strconv.AppendInt(dst, t, 10)
		}
		return rfc3339.Append(dst, t/per)
	}
}
