package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Files for tests, written field by field.

// A message is one that is being written.
type message []byte

func (m message) bytes(num protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

func (m message) text(num protowire.Number, s string) message { return m.bytes(num, []byte(s)) }

func (m message) integer(num protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), uint64(v))
}

func (m message) float(num protowire.Number, v float32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, num, protowire.Fixed32Type), math.Float32bits(v))
}

// attr writes an attribute: a number, a text, a list, or a message that is a tensor.
func attr(name string, v any) message {
	m := message(nil).text(attributeName, name)
	switch v := v.(type) {
	case int:
		return m.integer(attributeInt, int64(v))
	case float32:
		return m.float(attributeFloat, v)
	case string:
		return m.text(attributeString, v)
	case []int:
		for _, x := range v {
			m = m.integer(attributeInts, int64(x))
		}
	case []float32:
		for _, x := range v {
			m = m.float(attributeFloats, x)
		}
	case []string:
		for _, x := range v {
			m = m.text(attributeStrings, x)
		}
	case message:
		return m.bytes(attributeTensor, v)
	}
	return m
}

// made writes a node.
func made(op string, inputs, outputs []string, attributes ...message) message {
	m := message(nil)
	for _, name := range inputs {
		m = m.text(nodeInput, name)
	}
	for _, name := range outputs {
		m = m.text(nodeOutput, name)
	}
	m = m.text(nodeOp, op)
	switch op {
	case "TreeEnsembleRegressor", "TreeEnsembleClassifier", "TreeEnsemble", "Scaler", "Imputer", "Normalizer", "OneHotEncoder",
		"LabelEncoder", "ArrayFeatureExtractor", "FeatureVectorizer", "ZipMap", "LinearRegressor", "LinearClassifier", "Binarizer":
		m = m.text(nodeDomain, "ai.onnx.ml")
	}
	for _, a := range attributes {
		m = m.bytes(nodeAttribute, a)
	}
	return m
}

// portOf writes an input or output of rows.
func portOf(name string, k kind, dims ...int64) message {
	shape := message(nil)
	for _, d := range dims {
		dim := message(nil)
		if d > 0 {
			dim = dim.integer(dimValue, d)
		}
		shape = shape.bytes(shapeDim, dim)
	}
	t := message(nil).integer(tensorTypeElement, int64(k)).bytes(tensorTypeShape, shape)
	return message(nil).text(valueName, name).bytes(valueType, message(nil).bytes(typeTensor, t))
}

// constantOf writes a tensor of numbers.
func constantOf(name string, k kind, dims []int64, numbers ...float64) message {
	m := message(nil).text(tensorName, name).integer(tensorType, int64(k))
	for _, d := range dims {
		m = m.integer(tensorDims, d)
	}
	for _, x := range numbers {
		switch k {
		case float32s:
			m = m.float(tensorFloat, float32(x))
		case int64s:
			m = m.integer(tensorInt64, int64(x))
		default:
			m = m.integer(tensorInt32, int64(x))
		}
	}
	return m
}

// A graph is what a file is made of.
type graph struct {
	nodes, inputs, outputs, constants []message
	opset                             int64
	producer                          string
}

// file writes the model.
func (g graph) file() []byte {
	body := message(nil)
	for _, n := range g.nodes {
		body = body.bytes(graphNode, n)
	}
	for _, c := range g.constants {
		body = body.bytes(graphInitializer, c)
	}
	for _, p := range g.inputs {
		body = body.bytes(graphInput, p)
	}
	for _, p := range g.outputs {
		body = body.bytes(graphOutput, p)
	}
	m := message(nil).integer(modelIRVersion, 8)
	if g.producer != "" {
		m = m.text(modelProducer, g.producer)
	}
	m = m.bytes(modelGraph, body)
	if g.opset == 0 {
		g.opset = 17
	}
	for domain, version := range map[string]int64{"": g.opset, "ai.onnx.ml": 3} {
		m = m.bytes(modelOpset, message(nil).text(opsetDomain, domain).integer(opsetVersion, version))
	}
	return m
}

// through is a graph from a row x of k floats to y, by nodes of which the first reads x and the last makes y.
func through(k int64, nodes ...message) graph {
	return graph{
		nodes: nodes, inputs: []message{portOf("x", float32s, 0, k)}, outputs: []message{portOf("y", float32s, 0, 1)},
	}
}

// stump is a regressor of one split, at 1 of feature 0.
func stump(change map[string]any) message {
	lists := map[string]any{
		"nodes_treeids": []int{0, 0, 0}, "nodes_nodeids": []int{0, 1, 2}, "nodes_featureids": []int{0, 0, 0},
		"nodes_values": []float32{1, 0, 0}, "nodes_modes": []string{"BRANCH_LEQ", "LEAF", "LEAF"},
		"nodes_truenodeids": []int{1, 0, 0}, "nodes_falsenodeids": []int{2, 0, 0},
		"target_treeids": []int{0, 0}, "target_nodeids": []int{1, 2}, "target_ids": []int{0, 0}, "target_weights": []float32{2, 3},
		"n_targets": 1,
	}
	var attributes []message
	for name, v := range lists {
		if w, ok := change[name]; ok {
			v = w
		}
		if v != nil {
			attributes = append(attributes, attr(name, v))
		}
	}
	for name, v := range change {
		if _, ok := lists[name]; !ok {
			attributes = append(attributes, attr(name, v))
		}
	}
	return made("TreeEnsembleRegressor", []string{"x"}, []string{"y"}, attributes...)
}
