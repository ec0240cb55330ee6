package onnx

import (
	"errors"
	"fmt"
)

// Limits on what a graph may hold. They are far beyond what any exporter writes.
const (
	maxNodes     = 1 << 14
	maxConstants = 1 << 16
	maxInputs    = 1 << 16
	maxRank      = 8
	maxOpsets    = 64

	maxEdges      = 1 << 18 // inputs and outputs of all nodes
	maxAttributes = 64      // of a node
)

// A model is a file, as far as it is read at once: nodes and what flows between them. Constants and attributes stay in the
// file until a node wants them.
type model struct {
	producer, producerVersion string
	opsets                    map[string]int64 // by domain
	nodes                     []node
	constants                 map[string][]byte // initializers, by name
	inputs, outputs           []port
	edges                     int
}

// A port is an input or an output of the graph.
type port struct {
	name     string
	element  int64 // of a tensor; 0 for what is none
	dims     []int64
	shaped   bool // dims are given
	sequence bool
}

// A node is an operator in the graph.
type node struct {
	name, op, domain string
	inputs, outputs  []string
	attributes       [][]byte
}

func readModel(data []byte) (*model, error) {
	m := &model{opsets: map[string]int64{}, constants: map[string][]byte{}}
	var graph []byte
	version := false
	err := each(data, func(f field) (err error) {
		switch f.num {
		case modelIRVersion:
			version = true
			_, err = f.integer()
		case modelProducer:
			m.producer, err = f.text()
		case modelProducerVersion:
			m.producerVersion, err = f.text()
		case modelGraph:
			if graph != nil {
				return errors.New("two graphs")
			}
			if graph, err = f.message(); graph == nil {
				graph = []byte{}
			}
		case modelOpset:
			err = m.opset(f)
		case modelTraining:
			err = errors.New("training_info: a graph that trains is not read")
		case modelFunctions:
			err = errors.New("functions: a graph with functions of its own is not read")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case graph == nil:
		return nil, errors.New("no graph")
	case !version || len(m.opsets) == 0:
		return nil, errors.New("no ir_version or no opset_import")
	}
	if err := m.graph(graph); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	return m, nil
}

func (m *model) opset(f field) error {
	message, err := f.message()
	if err != nil {
		return err
	}
	domain, version := "", int64(0)
	err = each(message, func(f field) (err error) {
		switch f.num {
		case opsetDomain:
			domain, err = f.text()
		case opsetVersion:
			version, err = f.integer()
		}
		return err
	})
	if domain == "ai.onnx" {
		domain = ""
	}
	if len(m.opsets) == maxOpsets {
		return fmt.Errorf("more than %d opset_imports", maxOpsets)
	}
	m.opsets[domain] = version
	return err
}

func (m *model) graph(message []byte) error {
	return each(message, func(f field) error {
		switch f.num {
		case graphNode, graphInitializer, graphInput, graphOutput:
		case graphSparse:
			return errors.New("sparse_initializer: sparse tensors are not read")
		default:
			return nil
		}
		b, err := f.message()
		if err != nil {
			return err
		}
		switch f.num {
		case graphNode:
			if len(m.nodes) == maxNodes {
				return fmt.Errorf("more than %d nodes", maxNodes)
			}
			n, err := readNode(b)
			if err != nil {
				return fmt.Errorf("node %d: %w", len(m.nodes), err)
			}
			if m.edges += len(n.inputs) + len(n.outputs); m.edges > maxEdges {
				return fmt.Errorf("nodes have more than %d inputs and outputs", maxEdges)
			}
			m.nodes = append(m.nodes, n)
		case graphInitializer:
			return m.constant(b)
		case graphInput:
			if len(m.inputs) == maxInputs {
				return fmt.Errorf("more than %d inputs", maxInputs)
			}
			p, err := readPort(b)
			m.inputs = append(m.inputs, p)
			return err
		case graphOutput:
			if len(m.outputs) == maxInputs {
				return fmt.Errorf("more than %d outputs", maxInputs)
			}
			p, err := readPort(b)
			m.outputs = append(m.outputs, p)
			return err
		}
		return nil
	})
}

func (m *model) constant(message []byte) error {
	name := ""
	err := each(message, func(f field) (err error) {
		if f.num == tensorName {
			name, err = f.text()
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("initializer %d: %w", len(m.constants), err)
	case name == "":
		return fmt.Errorf("initializer %d has no name", len(m.constants))
	case m.constants[name] != nil:
		return fmt.Errorf("two initializers are called %.40q", name)
	case len(m.constants) == maxConstants:
		return fmt.Errorf("more than %d initializers", maxConstants)
	}
	m.constants[name] = message
	return nil
}

func readNode(message []byte) (n node, err error) {
	err = each(message, func(f field) (err error) {
		var s string
		switch f.num {
		case nodeInput:
			if s, err = f.text(); len(n.inputs) <= maxEdges {
				n.inputs = append(n.inputs, s)
			}
		case nodeOutput:
			if s, err = f.text(); len(n.outputs) <= maxEdges {
				n.outputs = append(n.outputs, s)
			}
		case nodeName:
			n.name, err = f.text()
		case nodeOp:
			n.op, err = f.text()
		case nodeDomain:
			n.domain, err = f.text()
		case nodeAttribute:
			var b []byte
			if b, err = f.message(); len(n.attributes) == maxAttributes {
				return fmt.Errorf("more than %d attributes", maxAttributes)
			}
			n.attributes = append(n.attributes, b)
		}
		return err
	})
	return n, err
}

func readPort(message []byte) (p port, err error) {
	err = each(message, func(f field) (err error) {
		switch f.num {
		case valueName:
			p.name, err = f.text()
		case valueType:
			var b []byte
			if b, err = f.message(); err == nil {
				err = p.readType(b)
			}
		}
		return err
	})
	if err != nil {
		return p, fmt.Errorf("input or output %.40q: %w", p.name, err)
	}
	return p, nil
}

func (p *port) readType(message []byte) error {
	return each(message, func(f field) error {
		switch f.num {
		case typeTensor:
		case typeSequence, typeMap:
			p.sequence = true
			return nil
		default:
			return nil
		}
		b, err := f.message()
		if err != nil {
			return err
		}
		return each(b, func(f field) (err error) {
			switch f.num {
			case tensorTypeElement:
				p.element, err = f.integer()
			case tensorTypeShape:
				p.shaped = true
				if b, err = f.message(); err == nil {
					err = each(b, p.dim)
				}
			}
			return err
		})
	})
}

// dim reads one dimension; 0 when it has no number.
func (p *port) dim(f field) error {
	if f.num != shapeDim {
		return nil
	}
	if len(p.dims) == maxRank {
		return fmt.Errorf("more than %d dimensions", maxRank)
	}
	b, err := f.message()
	if err != nil {
		return err
	}
	size := int64(0)
	err = each(b, func(f field) (err error) {
		if f.num == dimValue {
			if size, err = f.integer(); err == nil && size < 0 {
				err = fmt.Errorf("dimension %d is %d", len(p.dims), size)
			}
		}
		return err
	})
	p.dims = append(p.dims, size)
	return err
}
