// Package onnx reads ONNX graphs of tree ensembles and what stands around them: the files that skl2onnx, onnxmltools and
// CatBoost write.
//
// A graph is read with the meaning that ONNX Runtime gives it on one thread, for one row a call. So every dimension that
// counts rows is 1 here, every shape is known, and what only moves numbers about (Reshape, Concat, Gather, …) is done
// while reading: a tensor is a list of cells, each a number or a slot of the row ([pipeline.Step]). What is left are the
// operators that compute.
//
// A file is never trusted: what does not add up is refused with its place, and memory stays within a small multiple of
// the file.
package onnx

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/besra-ml/besra/pipeline"
)

// Detect reports whether a file that begins with head (4 kB are plenty) is an ONNX model: protocol buffers whose first
// fields are those of a ModelProto, ir_version among them.
func Detect(head []byte) bool {
	version := false
	for len(head) > 0 {
		num, typ, n := protowire.ConsumeTag(head)
		if n < 0 || n > 5 {
			return false
		}
		head = head[n:]
		switch {
		case num == modelIRVersion && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(head)
			if n < 0 || v < 1 || v > 1000 {
				return false
			}
			version = true
			head = head[n:]
		case num == modelGraph && typ == protowire.BytesType:
			return version || isGraph(head)
		case num == modelVersion && typ == protowire.VarintType, knownModelField(int(num)) && typ == protowire.BytesType:
			n := protowire.ConsumeFieldValue(num, typ, head)
			if n < 0 {
				return version && typ == protowire.BytesType // cut by the head's end
			}
			head = head[n:]
		default:
			return false
		}
	}
	return version
}

// isGraph reports whether a length and the first field of a graph, a node or its name, stand at the head.
func isGraph(head []byte) bool {
	_, n := protowire.ConsumeVarint(head)
	if n < 0 || n > 5 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(head[n:])
	return n > 0 && typ == protowire.BytesType && (num == graphNode || num == graphName || num == graphInitializer)
}

func knownModelField(num int) bool {
	switch num {
	case modelProducer, modelProducerVersion, modelDomain, modelDoc, modelGraph, modelOpset, modelMetadata, modelFunctions, modelTraining:
		return true
	}
	return false
}

// Read reads a model file.
func Read(data []byte) (pipeline.Spec, error) {
	if len(data) == 0 {
		return pipeline.Spec{}, errors.New("the file is empty")
	}
	m, err := readModel(data)
	if err != nil {
		return pipeline.Spec{}, err
	}
	b := &builder{model: m, budget: maxCells(len(data)), size: len(data)}
	if err := b.build(); err != nil {
		return pipeline.Spec{}, err
	}
	return b.spec()
}

// trainer returns who wrote the file: "skl2onnx 1.20.0".
func (m *model) trainer() string {
	version := m.producerVersion
	if _, tag, ok := bytes.Cut([]byte(version), []byte("tags/v")); ok { // CatBoost tells its whole commit
		tag, _, _ = bytes.Cut(tag, []byte("\n"))
		version = string(tag)
	}
	if m.producer == "" || len(version) > 40 {
		return m.producer
	}
	return fmt.Sprintf("%s %s", m.producer, version)
}
