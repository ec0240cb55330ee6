package events

import (
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// An ordered is the root of a Parquet schema whose columns keep their order; parquet.Group sorts them by name.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

func (o *ordered) add(name string, n parquet.Node) {
	o.fields = append(o.fields, &orderedField{n, name})
}

// Fields returns the columns.
func (o *ordered) Fields() []parquet.Field { return o.fields }

type orderedField struct {
	parquet.Node
	name string
}

// Name returns the column's name.
func (f *orderedField) Name() string { return f.name }

// Value is for rows that are Go values, which ours are not.
func (f *orderedField) Value(reflect.Value) reflect.Value { return reflect.Value{} }
