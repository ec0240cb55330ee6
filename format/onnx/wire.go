package onnx

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields that are read, by message.
const (
	modelIRVersion       = 1
	modelProducer        = 2
	modelProducerVersion = 3
	modelDomain          = 4
	modelVersion         = 5
	modelDoc             = 6
	modelGraph           = 7
	modelOpset           = 8
	modelMetadata        = 14
	modelTraining        = 20
	modelFunctions       = 25

	opsetDomain  = 1
	opsetVersion = 2

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	graphSparse      = 15

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOp        = 4
	nodeAttribute = 5
	nodeDomain    = 7

	attributeName    = 1
	attributeFloat   = 2
	attributeInt     = 3
	attributeString  = 4
	attributeTensor  = 5
	attributeGraph   = 6
	attributeFloats  = 7
	attributeInts    = 8
	attributeStrings = 9
	attributeGraphs  = 11
	attributeType    = 20
	attributeRef     = 21

	tensorDims     = 1
	tensorType     = 2
	tensorSegment  = 3
	tensorFloat    = 4
	tensorInt32    = 5
	tensorString   = 6
	tensorInt64    = 7
	tensorName     = 8
	tensorRaw      = 9
	tensorDouble   = 10
	tensorUint64   = 11
	tensorExternal = 13
	tensorLocation = 14

	valueName = 1
	valueType = 2

	typeTensor   = 1
	typeSequence = 4
	typeMap      = 5

	tensorTypeElement = 1
	tensorTypeShape   = 2
	shapeDim          = 1
	dimValue          = 1
)

var errWire = errors.New("damaged: no protocol buffer")

// A field is one of a message: a number, or bytes.
type field struct {
	num   int
	typ   protowire.Type
	value uint64 // of a varint or a fixed number
	bytes []byte // otherwise
}

// next takes the first field from a message.
func next(message []byte) (f field, rest []byte, err error) {
	num, typ, n := protowire.ConsumeTag(message)
	if n < 0 {
		return f, nil, errWire
	}
	f.num, f.typ = int(num), typ
	message = message[n:]
	switch typ {
	case protowire.VarintType:
		f.value, n = protowire.ConsumeVarint(message)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(message)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(message)
		f.value = uint64(v)
	case protowire.Fixed64Type:
		f.value, n = protowire.ConsumeFixed64(message)
	default:
		return f, nil, fmt.Errorf("%w: field %d is a group", errWire, num)
	}
	if n < 0 {
		return f, nil, fmt.Errorf("%w: field %d is longer than what is left of its message", errWire, num)
	}
	return f, message[n:], nil
}

// each calls do for the fields of a message, in order.
func each(message []byte, do func(f field) error) error {
	for len(message) > 0 {
		f, rest, err := next(message)
		if err != nil {
			return err
		}
		if err := do(f); err != nil {
			return err
		}
		message = rest
	}
	return nil
}

// text returns a string field.
func (f *field) text() (string, error) {
	if f.typ != protowire.BytesType {
		return "", fmt.Errorf("%w: field %d is no text", errWire, f.num)
	}
	return string(f.bytes), nil
}

// message returns a field that is a message.
func (f *field) message() ([]byte, error) {
	if f.typ != protowire.BytesType {
		return nil, fmt.Errorf("%w: field %d is no message", errWire, f.num)
	}
	return f.bytes, nil
}

// integer returns a field that is a number.
func (f *field) integer() (int64, error) {
	if f.typ != protowire.VarintType {
		return 0, fmt.Errorf("%w: field %d is no integer", errWire, f.num)
	}
	return int64(f.value), nil
}
